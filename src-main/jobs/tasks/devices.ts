import { probeDevices } from '#main/engine/devices/probeDevices.ts';
import { devicesRequest, type CheckedDevice, type DevicesConfig } from '../requests/devices.ts';
import type { Task } from '../task.ts';

/** Checks and measures every device, each in a process of its own. */
export const devicesTask: Task<DevicesConfig, readonly CheckedDevice[]> = {
  kind: 'devices',
  parse: devicesRequest.parse,
  run: ({ config, report, cancellation }) => probeDevices({ ...config, report, cancellation }),
};
