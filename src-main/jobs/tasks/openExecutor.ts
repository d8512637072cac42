export { deviceNames, openDevice as openExecutor, type DeviceOptions } from '#main/engine/devices/openDevice.ts';
