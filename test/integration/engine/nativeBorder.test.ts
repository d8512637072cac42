import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const child = join(import.meta.dirname, 'children', 'border.ts');

/** Its printed lines; a process that a signal ended fails here. */
function scenario(name: string): string[] {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', child, name], { encoding: 'utf8' });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  return stdout.trim().split('\n');
}

describe('the border of the native engine', () => {
  it('lets no label through that is not below the number of classes', () => {
    expect(scenario('labels')).toEqual([expect.stringMatching(/"label" .*268435456.* below 3/)]);
  });

  it('lets no pseudo-label through that is not below the number of clusters', () => {
    expect(scenario('pseudo')).toEqual([expect.stringMatching(/"pseudo" .*-1.* below 6/)]);
  });

  it('refuses a buffer that was transferred or shrunk while its write waited, and goes on', () => {
    for (const name of ['transferredWaiting', 'shrunk']) expect(scenario(name)).toEqual([expect.stringMatching(/"x"/), 'goes on']);
  });

  it('has what it needs of a buffer that is transferred and freed while its write runs', () => {
    expect(scenario('transferredRunning')).toEqual(['done', 'goes on']);
  });

  it('refuses shared buffers, and data of another length or type', () => {
    expect(scenario('shared')).toEqual([expect.stringMatching(/"x" .*shared or resizable/), 'goes on']);
    expect(scenario('short')).toEqual([expect.stringMatching(/"x"/), expect.stringMatching(/"x"/)]);
  });

  it('refuses operands outside its memory, misplaced or malformed, and arguments that are none', () => {
    const lines = scenario('operands');
    expect(lines).toHaveLength(11);
    for (const line of lines) expect(line).toMatch(/outside|length|typed array|not an engine|Invalid argument/i);
  });

  it('lets a step read beyond its tensors inside the arena, which guarded builds do not', () => {
    const { stdout, signal } = spawnSync(process.execPath, [child, 'overrun'], { encoding: 'utf8' });
    if (process.env['LOGONET_NATIVE'] === undefined) expect({ stdout, signal }).toEqual({ stdout: 'done\n', signal: null });
    else expect(signal).toMatch(/^SIG(ABRT|SEGV|BUS)$/);
  });

  it('outlives a worker that is ended in the middle of a step', () => {
    expect(scenario('terminate')).toEqual(['done']);
  });

  it('works with as many threads as can be made', ({ skip }) => {
    if (process.platform !== 'linux') skip('limits of a running process are set on Linux alone');
    for (let run = 0; run < 5; run++) {
      const lines = scenario('threads'); // what the threads themselves need at their start is a matter of chance
      if (lines[0] === 'no prlimit') skip('no prlimit on this computer');
      expect(lines).toEqual(['fewer threads']);
    }
  });
});
