import { describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { parseArguments } from '#main/cli/arguments.ts';
import { defineCommand, type Command } from '#main/cli/command.ts';
import { commands } from '#main/cli/commands/index.ts';
import { commandHelp, overview } from '#main/cli/help.ts';
import { duration, progressLine } from '#main/cli/progressBar.ts';
import { runCommandLine } from '#main/cli/run.ts';

const echo = defineCommand({
  name: 'say twice',
  summary: 'Says it.',
  positionals: { name: 'WORD…', minimum: 1, maximum: 2 },
  options: {
    times: { kind: 'integer', help: 'how often', minimum: 1, maximum: 9, default: 2 },
    tone: { kind: 'text', help: 'how', choices: ['loud', 'soft'], required: true },
    also: { kind: 'list', help: 'more' },
    broken: { kind: 'flag', help: 'fails' },
  },
  run({ options, positionals, report }) {
    report({ phase: 'Saying', fraction: 0.5 });
    if (options.broken) throw new StudioError('io', 'It is broken.');
    return Promise.resolve({ json: { ...options, positionals }, text: positionals.join(' ').repeat(options.times) });
  },
});

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const stderr = {
    write: (text: string) => {
      err += text;
      return true;
    },
    isTTY: false,
  } as unknown as NodeJS.WriteStream;
  const code = await runCommandLine(
    args,
    {
      stdout: {
        write: (text: string) => {
          out += text;
        },
      },
      stderr,
    },
    new AbortController().signal,
    [echo],
  );
  return { code, out, err };
}

describe('the command line', () => {
  it('runs a command of two words with typed options', async () => {
    expect(await run('say', 'twice', 'hi', '--tone', 'soft')).toMatchObject({ code: 0, out: 'hihi\n' });
  });

  it('prints exactly one JSON object with --json, and progress on stderr', async () => {
    const { code, out, err } = await run('say', 'twice', 'hi', '--tone=loud', '--also', 'a', '--also', 'b', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ tone: 'loud', times: 2, also: ['a', 'b'], positionals: ['hi'], broken: false });
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(err).toMatch(/Saying/);
  });

  it.each([
    [['nothing'], /no command/],
    [['say'], /one more word/],
    [['say', 'twice', 'hi'], /--tone is missing/],
    [['say', 'twice', '--tone', 'soft'], /WORD… is missing/],
    [['say', 'twice', 'a', 'b', 'c', '--tone', 'soft'], /one argument too many/],
    [['say', 'twice', 'a', '--tone', 'flat'], /one of loud, soft/],
    [['say', 'twice', 'a', '--tone', 'soft', '--times', 'many'], /needs a number/],
    [['say', 'twice', 'a', '--tone', 'soft', '--times', '1.5'], /whole number/],
    [['say', 'twice', 'a', '--tone', 'soft', '--times', '99'], /at most 9/],
    [['say', 'twice', 'a', '--tone', 'soft', '--volume', '3'], /volume/],
  ])('ends with 2 and one sentence on %j', async (args, message) => {
    const { code, out, err } = await run(...args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(out).toBe('');
  });

  it('ends with 1 on failure, with the error as the JSON object', async () => {
    const { code, out, err } = await run('say', 'twice', 'a', '--tone', 'soft', '--broken', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({ error: { code: 'io', message: 'It is broken.' } });
    expect(err).toMatch(/logonet: It is broken\./);
  });

  it('helps without needing what is required', async () => {
    const { code, out } = await run('say', 'twice', '--help');
    expect(code).toBe(0);
    expect(out).toMatch(/--tone loud\|soft/);
    expect((await run('--help')).out).toMatch(/say twice {2}Says it\./);
  });
});

it('is described by docs/reference/commands.md (written again with vitest -u)', async () => {
  const blocks = [overview(commands), ...commands.map(commandHelp)].map((help) => `\`\`\`text\n${help}\n\`\`\`\n`);
  await expect(`# Commands\nWritten from the program's own help.\n\n${blocks.join('\n')}`).toMatchFileSnapshot(
    '../../../docs/reference/commands.md',
  );
});

describe('every command', () => {
  it.each(commands.map((command): [string, Command] => [command.name, command]))(
    '%s has a name of its own, a summary and help for every option',
    (name, command) => {
      expect(commands.filter((each) => each.name === name)).toHaveLength(1);
      expect(command.summary).toMatch(/\.$/);
      for (const [option, { help }] of Object.entries(command.options)) {
        expect(help, option).not.toBe('');
        expect(commandHelp(command)).toContain(`--${option}`);
      }
      expect(() => parseArguments(command, ['--help'])).not.toThrow();
    },
  );
});

describe('progress', () => {
  it('says what is left in words', () => {
    expect([5, 65, 3600, 7500].map(duration)).toEqual(['5 s', '1 min 05 s', '1 h 00 min', '2 h 05 min']);
    expect(progressLine({ phase: 'Training', fraction: 0.5, remainingSeconds: 90, detail: 'step 3' }, 4)).toBe(
      'Training  ██░░  50%  1 min 30 s left  step 3',
    );
  });
});
