import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { StudioError } from '#shared/base/errors.ts';

type Dawn = typeof import('webgpu');

/** A GPU that Dawn finds; `name` chooses it. */
export interface AdapterName {
  readonly backend: string;
  readonly name: string;
  /** Runs on the processor: correct, never worth proposing. */
  readonly software: boolean;
}

/** Dawn crashes when an instance is collected while its objects live, and keeps the process alive while it is referenced. */
const instances = new Map<GPU, number>();

async function load(): Promise<Dawn> {
  preloadVulkan();
  try {
    return await import('webgpu');
  } catch (error) {
    throw new StudioError(
      'device',
      'The graphics library of this application does not start on this computer. Use the processor instead.',
      { cause: error },
    );
  }
}

let preloaded = false;

/**
 * A driver named by VK_ICD_FILENAMES (a list) may come with its own Vulkan loader beside it and none in the system (Chromium's software
 * driver does). Loading that one first makes Dawn's own look-up of the same library find it.
 */
function preloadVulkan(): void {
  const driver = process.env['VK_ICD_FILENAMES'];
  if (preloaded || driver === undefined || process.platform !== 'linux') return;
  preloaded = true;
  const loader = driver
    .split(':')
    .map((file) => join(dirname(file), 'libvulkan.so.1'))
    .find((file) => existsSync(file));
  if (loader === undefined) return;
  const keepLoaded = 0x1000; // RTLD_NODELETE: Node unloads what is not one of its own modules
  try {
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | keepLoaded);
  } catch {
    // "Module did not self-register": loaded, which is all that is wanted.
  }
}

/** Every adapter of this computer. An empty list where there is no graphics driver. */
export async function listAdapters(): Promise<AdapterName[]> {
  const { create } = await load();
  const gpu = create(['adapter=list adapters']);
  instances.set(gpu, 1);
  try {
    await gpu.requestAdapter();
    return [];
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const found = [...text.matchAll(/backend: '([^']*)', name: '([^']*)'/g)].map(([, backend = '', name = '']) => ({
      backend,
      name,
      software: isSoftware(name),
    }));
    return found.filter(({ backend, name }, index) => backend !== 'null' && found.findIndex((other) => other.name === name) === index);
  } finally {
    instances.delete(gpu);
  }
}

/** Drivers that compute on the processor. */
export function isSoftware(name: string): boolean {
  return /swiftshader|llvmpipe|lavapipe|basic render|\bwarp\b|software/i.test(name);
}

/** Taken where the adapter offers them: float16 storage and sums over a subgroup. */
const wantedFeatures: readonly GPUFeatureName[] = ['shader-f16', 'subgroups'];

export interface OpenDevice {
  readonly gpu: GPU;
  readonly device: GPUDevice;
  readonly description: string;
  readonly software: boolean;
}

/**
 * Opens an adapter with the largest buffers it offers. Throws `device` when there is none of that name or it cannot be opened.
 * @param name an adapter's name (or a part of it); undefined for the one that the driver prefers
 */
export async function openDevice(name?: string): Promise<OpenDevice> {
  const { create, globals } = await load();
  Object.assign(globalThis, { GPUBufferUsage: Reflect.get(globals, 'GPUBufferUsage'), GPUMapMode: Reflect.get(globals, 'GPUMapMode') });
  const gpu = create(name === undefined ? [] : [`adapter=${name}`]);
  instances.set(gpu, 1);
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter === null)
      throw new StudioError('device', "No usable graphics card was found. Install its vendor's current driver, or use the processor.");
    const { limits, info } = adapter;
    const device = await adapter.requestDevice({
      requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
      requiredLimits: {
        maxBufferSize: limits.maxBufferSize,
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      },
    });
    const description = info.description !== '' ? `${info.device || info.vendor} (${info.description})` : info.device || info.vendor;
    return { gpu, device, description, software: isSoftware(`${info.device} ${info.description} ${name ?? ''}`) || info.isFallbackAdapter };
  } catch (error) {
    instances.delete(gpu);
    if (error instanceof StudioError) throw error;
    throw new StudioError(
      'device',
      `The graphics card${name === undefined ? '' : ` "${name}"`} cannot be opened. Install its vendor's current driver, or choose another device.`,
      { cause: error, detail: String(error) },
    );
  }
}

/** Lets an instance go, after its device was destroyed. */
export function releaseInstance(gpu: GPU): void {
  instances.delete(gpu);
}
