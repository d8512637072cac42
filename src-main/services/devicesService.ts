import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import type { DeviceList } from '#main/project/deviceList.ts';

export function devicesService(list: DeviceList, publish: Publish): ServiceHandlers<'devices'> {
  return {
    list: async (_input, { signal, report }) => ({ devices: list.known.length > 0 ? list.known : await list.probe(signal, report) }),
    probe: async (_input, { signal, report }) => {
      const devices = await list.probe(signal, report);
      publish('devices.changed', { devices });
      return { devices };
    },
  };
}
