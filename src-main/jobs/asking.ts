import { fromWireError, StudioError } from '#shared/base/errors.ts';
import type { ComputeProcess } from './computeProcess.ts';
import type { FromCompute } from './protocol.ts';

type Answered = Extract<FromCompute, { type: 'answered' | 'unanswered' }>;

interface Waiting {
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Questions to a prompt network that wait for the compute process. */
export class Asking {
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  ask(compute: ComputeProcess, model: string, device: string, input: Uint8Array): Promise<Uint8Array> {
    const askId = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(askId, { resolve, reject });
      const base64 = Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('base64');
      compute.send({ type: 'ask', askId, model, device, input: base64 });
    });
  }

  /** True where the message was an answer. */
  receive(message: Exclude<FromCompute, { type: 'ready' }>): message is Answered {
    if (message.type !== 'answered' && message.type !== 'unanswered') return false;
    const waiting = this.#waiting.get(message.askId);
    this.#waiting.delete(message.askId);
    if (message.type === 'answered') waiting?.resolve(new Uint8Array(Buffer.from(message.answer, 'base64')));
    else waiting?.reject(fromWireError(message.error));
    return true;
  }

  /** The process that was asked is gone. */
  lost(): void {
    for (const { reject } of this.#waiting.values())
      reject(
        new StudioError(
          'internal',
          'The proposal was lost: the compute process ended while it worked it out. Point again; the mask is unchanged.',
        ),
      );
    this.#waiting.clear();
  }
}
