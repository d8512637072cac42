import { mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connectClient, enter, launchWebHost, type RunningWebHost } from '#test/support/webHost.ts';

let host: RunningWebHost;
let cookie: string;

beforeAll(async () => {
  const rendererFolder = mkdtempSync(join(tmpdir(), 'logonet-renderer-'));
  writeFileSync(join(rendererFolder, 'index.html'), '<!doctype html><title>LoGoNet Studio</title>');
  host = await launchWebHost({ rendererFolder });
  cookie = await enter(host.address);
});
afterAll(() => host.stop());

interface Attempt {
  readonly path: string;
  readonly method?: string;
  readonly headers: Record<string, string>;
}

/** True when anything at all came back. */
function answered({ path, method = 'GET', headers }: Attempt): Promise<boolean> {
  return new Promise((resolve) => {
    const port = Number(new URL(host.origin).port);
    const call = request({ host: '127.0.0.1', port, path, method, headers, setHost: false, agent: false }, (answer) => {
      answer.resume();
      resolve(true);
    });
    call.on('upgrade', () => {
      resolve(true);
    });
    call.on('error', () => {
      resolve(false);
    });
    call.end();
  });
}

const socketHeaders = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** Each attempt is one reason to be refused; everything else about it is right. */
function hostileAttempts(): Attempt[] {
  const own = new URL(host.origin).host;
  const wrongCookies = [
    '',
    'logonet_session=',
    'logonet_session=x',
    `${cookie}x`,
    `logonet_session=${'A'.repeat(43)}`,
    `other=${cookie.slice(16)}`,
    `${cookie}; ${cookie}`,
    cookie.toLowerCase().toUpperCase(),
  ];
  const wrongHosts = [
    'localhost',
    `localhost:${new URL(host.origin).port}`,
    '127.0.0.1',
    '127.0.0.1:80',
    'evil.example',
    `evil.example:${new URL(host.origin).port}`,
    '[::1]',
    `${own}.evil.example`,
    `2130706433:${new URL(host.origin).port}`,
    '',
  ];
  const wrongOrigins = [
    'null',
    'http://evil.example',
    `https://${own}`,
    'http://127.0.0.1',
    `http://localhost:${new URL(host.origin).port}`,
    `http://127.0.0.1:${String(Number(new URL(host.origin).port) + 1)}`,
    'file://',
    'chrome-extension://abc',
  ];
  const sites = ['cross-site', 'same-site', 'nonsense'];
  const paths = ['/', '/index.html', '/../package.json', '/contract', '/assets/x.js'];
  const right = { host: own, cookie, origin: host.origin };
  return paths
    .flatMap((path): Attempt[] => [
      ...wrongCookies.map((value) => ({ path, headers: { ...right, cookie: value } })),
      ...wrongHosts.map((value) => ({ path, headers: { ...right, host: value } })),
      ...wrongOrigins.map((value) => ({ path, headers: { ...right, origin: value } })),
      ...sites.map((value) => ({ path, headers: { ...right, 'sec-fetch-site': value } })),
    ])
    .concat(
      wrongCookies.map((value) => ({ path: '/contract', headers: { ...right, ...socketHeaders, cookie: value } })),
      wrongHosts.map((value) => ({ path: '/contract', headers: { ...right, ...socketHeaders, host: value } })),
      wrongOrigins.map((value) => ({ path: '/contract', headers: { ...right, ...socketHeaders, origin: value } })),
      [
        { path: '/contract', headers: { host: own, cookie, ...socketHeaders } },
        { path: '/other', headers: { ...right, ...socketHeaders } },
      ],
      ['', '?key=', '?key=x', `?key=${'A'.repeat(43)}`, new URL(host.address).search].map((search) => ({
        path: `/enter${search}`,
        headers: { host: own },
      })),
      wrongHosts.map((value) => ({ path: `/enter${new URL(host.address).search}`, headers: { host: value } })),
      ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].flatMap((method) =>
        wrongOrigins.map((value) => ({ path: '/', method, headers: { ...right, origin: value } })),
      ),
    );
}

describe('the loopback host', () => {
  it('answers none of 200 hostile requests', async () => {
    const attempts = hostileAttempts();
    expect(attempts.length).toBeGreaterThanOrEqual(200);
    const letIn: string[] = [];
    for (const attempt of attempts) if (await answered(attempt)) letIn.push(JSON.stringify(attempt));
    expect(letIn).toEqual([]);
  });

  it('answers the window that entered, and serves it the contract', async () => {
    expect(await answered({ path: '/', headers: { host: new URL(host.origin).host, cookie } })).toBe(true);
    const { client, socket } = await connectClient(host.origin, cookie);
    const info = await client.app.info();
    expect(info.host).toBe('web');
    socket.close();
  });

  it('sends the policies with every page and never caches', async () => {
    const answer = await fetch(`${host.origin}/`, { headers: { cookie } });
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'/);
    expect(answer.headers.get('content-security-policy')).not.toMatch(/script-src[^;]*'unsafe-(inline|eval)'/);
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it("keeps to the renderer's folder", async () => {
    for (const path of [
      '/../package.json',
      '/..%2fpackage.json',
      '/%2e%2e/package.json',
      '/%00',
      '/%',
      '//etc/passwd',
      '/C:%5Cwindows%5Cwin.ini',
      '/.env',
    ]) {
      const status = await new Promise<number>((resolve, reject) => {
        const { hostname, port, host: own } = new URL(host.origin);
        request({ hostname, port, path, headers: { host: own, cookie } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        })
          .on('error', reject)
          .end();
      });
      expect([path, status]).toEqual([path, 404]);
    }
  });

  it('does not listen on any other interface', async () => {
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((address) => address !== undefined && !address.internal)
      .map((address) => address?.address ?? '');
    for (const address of [...others.filter((each) => !each.startsWith('fe80')), '::1']) {
      const reached = await new Promise<boolean>((resolve) => {
        const socket = connect({ host: address, port: Number(new URL(host.origin).port), timeout: 2000 }, () => {
          socket.destroy();
          resolve(true);
        });
        socket.on('error', () => {
          resolve(false);
        });
        socket.on('timeout', () => {
          socket.destroy();
          resolve(false);
        });
      });
      expect([address, reached]).toEqual([address, false]);
    }
  });

  it('closes a socket that talks anything but frames', async () => {
    const { socket } = await connectClient(host.origin, cookie);
    const closed = new Promise<number>((resolve) => {
      socket.on('close', resolve);
    });
    socket.send('text');
    expect(await closed).toBe(1003);
    expect(socket.readyState).toBe(WebSocket.CLOSED);
  });
});
