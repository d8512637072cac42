import { StudioError } from '#shared/base/errors.ts';

/** Something is in the way for a while; what is said of it goes once it is not. */
export class ForNow extends StudioError {
  readonly holds: () => boolean;

  constructor(message: string, holds: () => boolean) {
    super('conflict', message);
    this.holds = holds;
  }
}
