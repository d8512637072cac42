import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname } from 'node:path';
import * as v from 'valibot';

const instance = v.strictObject({
  pid: v.number(),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
  key: v.string(),
});
/** Of a program that is there and busy: where none is, the system says so at once. */
const answerMs = 20_000;

/** A file that only this person can read and that tells a second start how to reach the program that runs already. */
export function announceInstance(file: string, port: number, key: string): () => void {
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, JSON.stringify({ pid: process.pid, port, key }), { mode: 0o600, flag: 'wx' });
  return () => {
    if (readInstance(file)?.pid === process.pid) rmSync(file, { force: true });
  };
}

/** An address that opens another window of the program that runs already; null where none does, or it does not answer. */
export function askRunningInstance(file: string): Promise<string | null> {
  const running = readInstance(file);
  if (running === null || running.pid === process.pid) return Promise.resolve(null);
  return new Promise((resolve) => {
    const call = request(
      { host: '127.0.0.1', port: running.port, path: '/another', headers: { authorization: `Bearer ${running.key}` }, agent: false },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        answer.on('end', () => {
          resolve(answer.statusCode === 200 && text.startsWith(`http://127.0.0.1:${String(running.port)}/enter?key=`) ? text : null);
        });
      },
    );
    call.setTimeout(answerMs, () => call.destroy());
    call.on('error', () => {
      resolve(null);
    });
    call.end();
  });
}

function readInstance(file: string): v.InferOutput<typeof instance> | null {
  try {
    return v.parse(instance, JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
