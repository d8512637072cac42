/** What docs name is there: links, files, commands and their options. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contract } from '#shared/contract/contract.ts';
import { exitCodes } from '#main/jobs/submit/exitCodes.ts';
import { commands } from '#main/cli/commands/index.ts';
import { findCommand, parseArguments } from '#main/cli/arguments.ts';

const root = resolve(import.meta.dirname, '../../..');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('docs', name))
    .filter((name) => name.endsWith('.md')),
];
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** As GitHub makes a heading's anchor. */
const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

describe.each(pages)('%s', (page) => {
  const text = textOf(page);

  it('links to what is there', () => {
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^(https?|mailto):/.test(link)) return [];
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(root, page) : resolve(root, dirname(page), path);
      if (!existsSync(target)) return [link];
      return anchor === undefined || anchors(readFileSync(target, 'utf8')).includes(anchor) ? [] : [link];
    });
    expect(broken).toEqual([]);
  });

  it('names files and folders that are there', () => {
    const named = [...text.matchAll(/`((?:src-main|src-renderer|src-shared|test|scripts|docs|resources)\/[\w./-]*\w\/?)`/g)].map(
      ([, path = '']) => path,
    );
    const installed = /^resources\/(app\.asar|node)/; // of a package, not of a checkout
    // A test is also called without its ending.
    const isThere = (path: string): boolean => ['', '.test.ts', '.ts'].some((ending) => existsSync(join(root, path + ending)));
    expect(named.filter((path) => !isThere(path) && !installed.test(path))).toEqual([]);
  });

  it('names commands that are there', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const unknown = [...text.matchAll(/npm (?:run )?([a-z][a-z:-]*)/g)]
      .map(([, name = '']) => name)
      .filter(
        (name) => !(name in scripts) && !['ci', 'install', 'rebuild', 'audit', 'registry', 'world', 'for', 'or', 'and'].includes(name),
      );
    expect(unknown).toEqual([]);
  });

  it('calls logonet as it can be called', () => {
    expect(commandLines(text).flatMap((line) => mistakesIn(line).map((mistake) => `${line}: ${mistake}`))).toEqual([]);
  });
});

/** `logonet …` in code: whole lines of indented and fenced blocks, and spans between backticks. */
function commandLines(text: string): string[] {
  const lines = [...text.matchAll(/^ {4,}(?:npx )?(logonet [^\n]*)$/gm)].map(([, line = '']) => line.replace(/\s+#.*$/, ''));
  const spans = [...text.matchAll(/`(?:npx )?(logonet [^`]*)`/g)].map(([, line = '']) => line.replace(/\s+/g, ' '));
  return [...lines, ...spans].filter((line) => !/…|\.\.\.|<|\|/.test(line));
}

function mistakesIn(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(1);
  const bare = words.map((word) => word.replace(/^\[|\]$/g, ''));
  if (bare.length === 0 || bare[0]?.startsWith('--') === true) return [];
  try {
    const { command, rest } = findCommand(commands, bare);
    const options = [...rest].filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')[0] ?? '');
    const unknown = options.filter((name) => !(name in command.options) && name !== 'json' && name !== 'help');
    if (unknown.length > 0) return unknown.map((name) => `no option --${name}`);
    parseArguments(command, ['--help']);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

describe('the docs', () => {
  it('are reached from their index', () => {
    const index = [textOf('docs/README.md'), textOf('README.md'), textOf('docs/decisions/README.md')].join('\n');
    const lost = pages.filter(
      (page) => page.startsWith('docs/') && !page.endsWith('README.md') && !index.includes(page.split('/').at(-1) ?? ''),
    );
    expect(lost).toEqual([]);
  });

  it('have small pictures only, each shown somewhere', () => {
    const folder = join(root, 'docs/getting-started/pictures');
    const pictures = readdirSync(folder).filter((name) => name.endsWith('.webp'));
    expect(pictures.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)).toBeLessThanOrEqual(300 * 1000);
    const all = pages.map(textOf).join('\n');
    expect(pictures.filter((name) => !all.includes(`pictures/${name}`))).toEqual([]);
  });

  it('name the test that enforces each rule of the architecture', () => {
    const page = textOf('docs/explanation/architecture.md');
    const sections = ['Processes', 'Conventions', 'Promises'].map((title) => page.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '');
    const rules = sections.flatMap((section) => section.split(/^- /m).slice(1));
    expect(rules.length).toBeGreaterThan(14);
    expect(rules.filter((rule) => !/`test\/[\w/.]+`/.test(rule))).toEqual([]);
  });

  it('have a Job for Kubernetes that knows the exit codes', () => {
    const manifest = textOf('docs/how-to/kubernetes/job.yaml');
    expect(manifest).toContain(`values: [${String(exitCodes.job)}, ${String(exitCodes.version)}, ${String(exitCodes.input)}]`);
    const [, words = ''] = /command: \[(.*)\]/.exec(manifest) ?? [];
    const [npx, logonet, name, folder] = words.replaceAll("'", '').split(', ');
    expect([npx, logonet]).toEqual(['npx', 'logonet']);
    expect(findCommand(commands, [name ?? '', folder ?? '']).command.name).toBe('worker');
    const [, mount = '-'] = /mountPath: (\S+) /.exec(manifest) ?? [];
    expect(folder?.startsWith(`${mount}/`)).toBe(true);
    for (const key of ['apiVersion: batch/v1', 'kind: Job', 'restartPolicy: Never', 'podFailurePolicy:']) expect(manifest).toContain(key);
  });

  it('list the contract (written again with vitest -u)', async () => {
    const rows = Object.entries(contract).map(([service, { methods, events }]) => {
      const told = Object.keys(events);
      return `| \`src-shared/contract/${service}.ts\` | ${Object.keys(methods).join(', ')} | ${told.length === 0 ? '–' : told.join(', ')} |`;
    });
    const text = `# The contract between window and services
Written from the schemas, one file a service; every type on the wire is inferred from them. Every input is checked before a handler sees it, every output before it leaves; errors are
\`{code, message, detail}\`.

| service | calls | events |
|---|---|---|
${rows.join('\n')}
`;
    await expect(text).toMatchFileSnapshot('../../../docs/reference/contract.md');
  });
});
