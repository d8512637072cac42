import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const cookieName = 'logonet_session';
const keyLifetimeMs = 10 * 60_000;

/**
 * Who may talk to the loopback host. A window enters once with a one-time key and gets the launch's secret as an HttpOnly,
 * SameSite=Strict cookie. Every request must name exactly this host (so that a rebound DNS name fails), come from this origin or
 * from none, and carry the cookie; a socket must also say its origin.
 */
export class Admission {
  readonly #secret = randomBytes(32).toString('base64url');
  /** What a second start of the program shows; only this person can read the file that holds it. */
  readonly secondStartKey = randomBytes(32).toString('base64url');
  readonly #keys = new Map<string, number>();
  readonly #host: string;
  readonly origin: string;
  readonly #now: () => number;

  constructor(port: number, now: () => number = Date.now) {
    this.#host = `127.0.0.1:${String(port)}`;
    this.origin = `http://${this.#host}`;
    this.#now = now;
  }

  /** A key that admits one window within ten minutes. */
  issueKey(): string {
    const key = randomBytes(32).toString('base64url');
    this.#keys.set(key, this.#now() + keyLifetimeMs);
    return key;
  }

  /** The cookie for a window that shows a key; null when the key is unknown, used or too old. */
  redeem(key: string): string | null {
    const expiry = this.#keys.get(key);
    this.#keys.delete(key);
    if (expiry === undefined || expiry < this.#now()) return null;
    return `${cookieName}=${this.#secret}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** Whether the request was made to this very host, by name. Entering is allowed from elsewhere (the launch page), since the key proves it. */
  addressed(headers: IncomingHttpHeaders): boolean {
    return headers.host === this.#host;
  }

  /** Whether a second start of the program asks for a window. No page can send this: it would have to ask for leave first, and is not answered. */
  admitsSecondStart(headers: IncomingHttpHeaders): boolean {
    return (
      this.addressed(headers) && headers.origin === undefined && equalSecrets(headers.authorization ?? '', `Bearer ${this.secondStartKey}`)
    );
  }

  /** Whether a page request may be answered. */
  admitsRequest(headers: IncomingHttpHeaders): boolean {
    return (
      this.addressed(headers) &&
      (headers.origin === undefined || headers.origin === this.origin) &&
      ['same-origin', 'none', undefined].includes(headers['sec-fetch-site'] as string | undefined) &&
      this.#holdsSecret(headers.cookie)
    );
  }

  /** Whether a socket may be opened. */
  admitsSocket(headers: IncomingHttpHeaders): boolean {
    return headers.origin === this.origin && this.admitsRequest(headers);
  }

  #holdsSecret(cookies: string | undefined): boolean {
    const values = (cookies ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${cookieName}=`))
      .map((pair) => pair.slice(cookieName.length + 1));
    return values.length === 1 && values.every((value) => equalSecrets(value, this.#secret));
  }
}

function equalSecrets(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
