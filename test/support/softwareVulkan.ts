import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe } from 'vitest';
import { must } from '#shared/base/assert.ts';
import { listAdapters } from '#main/engine/executors/webgpu/dawn.ts';
import { createWebgpuExecutor, type WebgpuExecutor, type WebgpuOptions } from '#main/engine/executors/webgpu/executor.ts';

/** A Vulkan driver that computes on the processor. */
export interface SoftwareDriver {
  readonly name: string;
  /** What `createWebgpuExecutor` finds it by; undefined for the one that VK_ICD_FILENAMES prefers. */
  readonly adapter?: string;
  /** Why WebGPU cannot be tested with it here; undefined when it can. */
  readonly absent?: string;
  /** Its name and, where it is absent, why: for the titles of tests. */
  readonly title: string;
}

const known = [
  {
    name: 'SwiftShader',
    adapter: 'SwiftShader',
    files: [
      '/usr/lib/chromium/vk_swiftshader_icd.json',
      '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
      '/opt/google/chrome/vk_swiftshader_icd.json',
    ],
  },
  {
    name: 'lavapipe',
    adapter: 'llvmpipe',
    files: [
      '/usr/share/vulkan/icd.d/lvp_icd.json',
      '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json',
      '/usr/share/vulkan/icd.d/lvp_icd.aarch64.json',
    ],
  },
] as const;

/** Points Vulkan at every software driver there is, unless VK_ICD_FILENAMES names some already. */
async function find(): Promise<readonly SoftwareDriver[]> {
  const files = known.map(({ files: places }) => places.find((place) => existsSync(place)));
  const given = process.env['VK_ICD_FILENAMES'];
  const found = given ?? files.filter((file) => file !== undefined).join(':');
  if (found === '') return known.map(({ name }) => absent(name, 'not on this computer'));
  process.env['VK_ICD_FILENAMES'] = found;
  process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
  const adapters = await listAdapters();
  return known.map(({ name, adapter }, index) => {
    if (adapters.some((each) => each.name.includes(adapter))) return { name, adapter, title: name };
    return absent(
      name,
      given !== undefined ? 'not in VK_ICD_FILENAMES' : files[index] === undefined ? 'not on this computer' : 'Dawn does not accept it',
    );
  });
}

function absent(name: string, reason: string): SoftwareDriver {
  return { name, absent: reason, title: `${name} (${reason})` };
}

const all = await find();

/** The drivers to run a suite on: all of them with LOGONET_SLOW_TESTS=1, else the first that is there. */
export const softwareDrivers: readonly SoftwareDriver[] =
  process.env['LOGONET_SLOW_TESTS'] === undefined
    ? [
        all.find((driver) => driver.absent === undefined) ??
          absent('a software Vulkan driver', 'neither SwiftShader nor lavapipe is on this computer'),
      ]
    : all;

/** The one that stores float16. */
export const lavapipe: SoftwareDriver = all.find(({ name }) => name === 'lavapipe') ?? absent('lavapipe', 'unknown');

/** A suite on each of some drivers, with an executor that is open while its tests run; skipped by name where a driver is absent. */
export function describeOn(
  drivers: readonly SoftwareDriver[],
  title: string,
  suite: (executor: () => WebgpuExecutor) => void,
  options: Omit<WebgpuOptions, 'adapter'> = {},
): void {
  for (const { adapter, absent: reason, title: driver } of drivers) {
    describe.skipIf(reason !== undefined)(`${title} on ${driver}`, () => {
      let executor: WebgpuExecutor | undefined;
      beforeAll(async () => {
        executor = await createWebgpuExecutor({ ...options, adapter });
      });
      afterAll(() => executor?.dispose());
      suite(() => must(executor, 'executor'));
    });
  }
}
