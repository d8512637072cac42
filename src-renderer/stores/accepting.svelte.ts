import type { AcceptQuestion } from '#shared/domain/mask.ts';
import type { CaseSession } from './caseSession.svelte.ts';
import type { Unseen } from './maskReview.ts';
import type { Studio } from './studio.svelte.ts';

/** `show`: what was not looked at is shown instead. */
export type AcceptChoice = 'prediction' | 'asItIs' | 'unseen' | 'show';

interface Asked {
  readonly session: CaseSession;
  /** The next case is opened then. */
  readonly next: boolean;
  /** What the person has decided so far. */
  readonly asItIs: boolean;
  readonly unseen: boolean;
}

/** Accepting the open case: what has to be decided first, one question after the other. */
export class Accepting {
  readonly #studio: Pick<Studio, 'activities' | 'session' | 'openNext' | 'lookAt'>;
  #asked: Asked | null = null;
  /** A second press of the button meanwhile is no second wish. */
  #busy = false;
  /** What has to be decided about the mask before it is accepted; null where nothing is. */
  question = $state.raw<AcceptQuestion | Unseen | null>(null);

  constructor(studio: Pick<Studio, 'activities' | 'session' | 'openNext' | 'lookAt'>) {
    this.#studio = studio;
  }

  /** The prediction of the case that is asked about is at hand. */
  get predicted(): boolean {
    return (this.#asked?.session.predictedLabels ?? null) !== null;
  }

  /** Accepts the open case, and opens the next one then. */
  begin(next: boolean): void {
    const { session } = this.#studio;
    if (session !== null) void this.#accept({ session, next, asItIs: false, unseen: false });
  }

  decide(what: AcceptChoice): void {
    const [asked, question] = [this.#asked, this.question];
    this.dismiss();
    if (asked === null || question === null) return;
    if (what === 'show') {
      if ('labels' in question) this.#studio.lookAt(asked.session, question);
    } else if (what === 'prediction') void this.#accept({ ...asked, asItIs: true, unseen: false }, true);
    else void this.#accept({ ...asked, [what]: true });
  }

  /** The case stays as it is. */
  dismiss(): void {
    this.question = null;
    this.#asked = null;
  }

  async #accept(asked: Asked, prediction = false): Promise<void> {
    const { session, next, asItIs, unseen } = asked;
    const { activities } = this.#studio;
    if (this.#busy) return;
    this.#busy = true;
    const done = await activities.run('Accepting', async (context) => {
      if (prediction) await session.becomePrediction(context);
      const review = await session.review.check();
      return { question: unseen ? await session.accept(asItIs, review) : (review.unseen ?? (await session.accept(asItIs, review))) };
    });
    this.#busy = false;
    if (done === undefined) return;
    if (done.question !== null) {
      this.#asked = asked;
      this.question = done.question;
      return;
    }
    activities.say(
      unseen
        ? 'Accepted, and marked as not looked at: this case trains the model and never measures it.'
        : 'Accepted. This case now trains the model.',
      'good',
    );
    if (next) await this.#studio.openNext();
  }
}
