import { StudioError } from '#shared/base/errors.ts';
import { ForNow } from './forNow.ts';
import type { Progress } from '#shared/base/progress.ts';

/** Long work that the person can see and stop. */
export interface Activity {
  readonly id: number;
  readonly title: string;
  readonly progress: Progress;
  cancel(): void;
}

export type Tone = 'info' | 'good' | 'warning' | 'error';
export interface Message {
  readonly id: number;
  readonly tone: Tone;
  readonly text: string;
  /** It goes once this is false. */
  readonly holds?: () => boolean;
}

export interface ActivityContext {
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
}

/** What is going on, and what the person has to be told. */
export class Activities {
  running = $state.raw<readonly Activity[]>([]);
  messages = $state.raw<readonly Message[]>([]);
  /** Read out by screen readers. */
  spoken = $state('');
  #next = 1;
  readonly #log: (message: string, stack: string) => void;

  constructor(log: (message: string, stack: string) => void) {
    this.#log = log;
    $effect.root(() => {
      $effect(() => {
        for (const { id, holds } of this.messages) if (holds?.() === false) this.dismiss(id);
      });
    });
  }

  /** Runs work with progress and cancel; errors become messages. Answers undefined when it failed or was cancelled. */
  async run<T>(title: string, work: (context: ActivityContext) => Promise<T>): Promise<T | undefined> {
    const id = this.#next++;
    const controller = new AbortController();
    const show = (progress: Progress): void => {
      this.running = this.running.map((activity) => (activity.id === id ? { ...activity, progress } : activity));
    };
    this.running = [...this.running, { id, title, progress: { phase: '', fraction: 0 }, cancel: () => controller.abort() }];
    try {
      return await work({ signal: controller.signal, report: show });
    } catch (error) {
      this.fail(error, title);
      return undefined;
    } finally {
      this.running = this.running.filter((activity) => activity.id !== id);
    }
  }

  /** Warnings and errors stay until they are dismissed, or for as long as what they say `holds`. */
  say(text: string, tone: Tone = 'info', holds?: () => boolean): void {
    const id = this.#next++;
    this.spoken = text;
    this.messages = [...this.messages.filter((message) => message.text !== text).slice(-4), { id, tone, text, ...(holds && { holds }) }];
    if (tone === 'info' || tone === 'good') setTimeout(() => this.dismiss(id), 6000);
  }

  /** Shows an error in the person's words; what was cancelled says nothing. `action` names what failed where the error itself does not say. */
  fail(error: unknown, action = 'What this window was doing'): void {
    if (error instanceof StudioError) {
      if (error.code === 'cancelled') return;
      this.say(
        error.message,
        error.code === 'conflict' || error.code === 'usage' ? 'warning' : 'error',
        error instanceof ForNow ? error.holds : undefined,
      );
      if (error.code === 'internal') this.#log(error.message, error.detail ?? '');
      return;
    }
    const message = error instanceof Error ? error.message : String(error);
    this.#log(message, error instanceof Error ? (error.stack ?? '') : '');
    this.say(`${action} failed, for a reason that the log has. What was saved is safe: try again, or reload the window with F5.`, 'error');
  }

  dismiss(id: number): void {
    this.messages = this.messages.filter((message) => message.id !== id);
  }
}
