import { StudioError } from '#shared/base/errors.ts';

/** Does what a dialog asks for; resolves with the sentence for the person where it was refused, and with '' where it was done or cancelled. */
export async function refusalOf(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return '';
  } catch (error) {
    if (!(error instanceof StudioError)) throw error;
    return error.code === 'cancelled' ? '' : error.message;
  }
}
