import type { Progress } from '#shared/base/progress.ts';

/** Seconds for a person: '45 s', '3 min 05 s', '2 h 10 min'. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** One line: phase, bar, per cent, time left, detail. */
export function progressLine(progress: Progress, barWidth = 24): string {
  const fraction = Math.min(1, Math.max(0, progress.fraction));
  const filled = Math.round(fraction * barWidth);
  const left = progress.remainingSeconds === undefined ? '' : `  ${duration(progress.remainingSeconds)} left`;
  return `${progress.phase}  ${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${String(Math.floor(fraction * 100)).padStart(3)}%${left}${progress.detail ? `  ${progress.detail}` : ''}`;
}

/** Draws progress on a stream: one moving line on a terminal, elsewhere a line a phase and every ten seconds. */
export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  #phase = '';
  #shownAt = 0;
  #drawn = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  readonly report = (progress: Progress): void => {
    const now = performance.now();
    const interval = this.#stream.isTTY ? 100 : 10_000;
    if (progress.phase === this.#phase && progress.fraction < 1 && now - this.#shownAt < interval) return;
    this.#phase = progress.phase;
    this.#shownAt = now;
    const line = progressLine(progress);
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[K${line.slice(0, Math.max(20, this.#stream.columns - 1))}`);
      this.#drawn = true;
    } else {
      this.#stream.write(`${line}\n`);
    }
  };

  readonly note = (line: string): void => {
    this.clear();
    this.#stream.write(`${line}\n`);
  };

  clear(): void {
    if (this.#drawn) this.#stream.write('\r\x1b[K');
    this.#drawn = false;
  }
}
