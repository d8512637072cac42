import { describeConformance } from '#test/support/conformance.ts';
import { describeOn, softwareDrivers } from '#test/support/softwareVulkan.ts';

describeOn(softwareDrivers, 'webgpu', (executor) => { describeConformance('webgpu', executor); });
