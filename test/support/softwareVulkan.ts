import { existsSync } from 'node:fs';

const places = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/usr/lib/chromium-browser/vk_swiftshader_icd.json', '/opt/google/chrome/vk_swiftshader_icd.json'];

/**
 * Points Vulkan at a driver that computes on the processor, unless VK_ICD_FILENAMES already names one.
 * @returns why WebGPU cannot be tested here; undefined when it can
 */
export function softwareVulkan(): string | undefined {
  if (process.env['VK_ICD_FILENAMES'] !== undefined) return undefined;
  const driver = places.find((place) => existsSync(place));
  if (driver === undefined) return 'no software Vulkan driver (SwiftShader) on this computer';
  process.env['VK_ICD_FILENAMES'] = driver;
  return undefined;
}
