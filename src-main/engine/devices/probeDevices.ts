/**
 * Probes the devices of this computer, each in a process of its own so that a driver that crashes is a finding and not an accident.
 * As a program it prints one line of JSON: DeviceReport[]; with a device's id as argument, that device's report alone.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { StudioError } from '#shared/base/errors.ts';
import { ignoreProgress, type ReportProgress } from '#shared/base/progress.ts';
import { neverCancelled, throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { withChoice, type DeviceCandidate, type DeviceReport } from './deviceReport.ts';
import { checkDevice, listDevices, notUsable } from './probe.ts';
import { tuningFile } from './openExecutor.ts';

export type { DeviceReport };

export interface ProbeOptions {
  /** A device's id that the person wants, or 'auto'. */
  readonly wanted?: string;
  /** Also check drivers that compute on the processor. */
  readonly software?: boolean;
  /** Tune graphics devices again. */
  readonly tune?: boolean;
  readonly report?: ReportProgress;
  readonly cancellation?: Cancellation;
}

const LIMIT_MILLISECONDS = 180_000;

/** Checks every device, one after the other so that they do not slow each other down. Throws `cancelled`. */
export async function probeDevices({
  wanted = 'auto',
  software = false,
  tune = false,
  report = ignoreProgress,
  cancellation = neverCancelled,
}: ProbeOptions = {}): Promise<DeviceReport[]> {
  const candidates = await inChild<DeviceCandidate[]>(['list']);
  const reports: DeviceReport[] = [];
  for (const [index, candidate] of candidates.entries()) {
    throwIfCancelled(cancellation);
    report({ phase: `Checking ${candidate.name}`, fraction: index / candidates.length });
    reports.push(
      await inChild<DeviceReport>(['check', JSON.stringify(candidate), software ? 'software' : '', tune ? 'tune' : '']).catch(() =>
        notUsable(candidate, 'Its driver crashed or did not answer when it was tried. Update the driver, or use another device.'),
      ),
    );
  }
  report({ phase: 'Devices checked', fraction: 1 });
  return withChoice(reports, wanted);
}

/** One answer, a line of JSON, from this file run as a program. Rejects when it dies, says nothing or takes too long. */
function inChild<T>(request: readonly string[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...request], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: LIMIT_MILLISECONDS,
      killSignal: 'SIGKILL',
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.on('error', reject);
    child.on('close', () => {
      try {
        resolve(JSON.parse(text.trim().split('\n').at(-1) ?? '') as T);
      } catch (error) {
        reject(new StudioError('device', 'A device could not be checked.', { cause: error }));
      }
    });
  });
}

async function main([request, candidate, software, tune]: readonly string[]): Promise<void> {
  const answer =
    request === 'list'
      ? await listDevices()
      : request === 'check' && candidate !== undefined
        ? await checkDevice(JSON.parse(candidate) as DeviceCandidate, {
            software: software === 'software',
            tune: tune === 'tune',
            tuningFile: tuningFile(),
          })
        : await probeDevices();
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
