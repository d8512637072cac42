import { join } from 'node:path';
import * as v from 'valibot';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { CancelSignal } from '#shared/contract/contract.ts';
import { device } from '#shared/contract/devices.ts';
import { runHere } from '#main/jobs/run.ts';
import { findInstallation, hasNativeEngine } from '#main/files/installation.ts';
import { JsonStore } from '#main/files/jsonStore.ts';
import type { SettingsKeeper } from './settingsKeeper.ts';

export type Device = v.InferOutput<typeof device>;

/** The devices of this computer as they were last checked, remembered between runs. */
export class DeviceList {
  readonly #store: JsonStore<v.ArraySchema<typeof device, undefined>>;
  readonly #settings: SettingsKeeper;
  #probing: Promise<readonly Device[]> | null = null;

  constructor(folder: string, settings: SettingsKeeper) {
    this.#store = new JsonStore(join(folder, 'devices.json'), v.array(device), []);
    this.#settings = settings;
  }

  /** What is known, with the person's choice; empty before the first check. */
  get known(): readonly Device[] {
    const wanted = this.#settings.current.device;
    const usable = this.#store.value.some(({ id, usable: can }) => id === wanted && can);
    return this.#store.value.map((each) => ({ ...each, chosen: usable ? each.id === wanted : each.proposed }));
  }

  /** Id of the device to compute on: the person's choice, else the fastest correct one, else the processor, or 'auto' where its engine is not built. */
  get chosen(): string {
    const wanted = this.#settings.current.device;
    if (wanted !== 'auto') return wanted;
    return this.known.find(({ proposed }) => proposed)?.id ?? (hasNativeEngine(findInstallation(import.meta.dirname)) ? 'cpu' : 'auto');
  }

  /**
   * Checks and measures every device, each in a process of its own. Callers that come meanwhile wait for the same check; who cancels
   * waits no longer, and the check goes on for the others.
   */
  probe(signal: CancelSignal, report: ReportProgress): Promise<readonly Device[]> {
    this.#probing ??= this.#probe(report).finally(() => {
      this.#probing = null;
    });
    const probing = this.#probing;
    return new Promise((resolve, reject) => {
      signal.addEventListener(
        'abort',
        () => {
          reject(new StudioError('cancelled', 'Cancelled.'));
        },
        { once: true },
      );
      probing.then(resolve, reject);
    });
  }

  async #probe(report: ReportProgress): Promise<readonly Device[]> {
    const reports = await runHere(
      'devices',
      { wanted: this.#settings.current.device },
      { report, cancellation: neverCancelled, note: () => undefined },
    );
    await this.#store.set(
      reports.map(({ id, name, executor, usable, reason, memoryBytes, correct, gigaflops, proposed, chosen }) => ({
        id,
        name,
        executor,
        usable,
        reason,
        memoryBytes,
        correct,
        gigaflops,
        proposed,
        chosen,
      })),
    );
    return this.known;
  }
}
