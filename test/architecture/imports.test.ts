import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { brokenWalls, circles, importsOf, mayImport, roomOf, strayPackages, violations, type ImportKind, type Sources } from './house.ts';
import { standing } from './standing.ts';

const root = resolve(import.meta.dirname, '../..');

function readTree(folder: string): [string, string][] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|svelte|css|json)$/.test(entry.name))
    .map((entry) => [relative(root, join(entry.parentPath, entry.name)), readFileSync(join(entry.parentPath, entry.name), 'utf8')]);
}

const house: Sources = new Map(['src-shared', 'src-main', 'src-renderer', 'resources'].flatMap(readTree));

describe('the house', () => {
  it('gives every source file a room', () => {
    expect([...house.keys()].filter((file) => file.startsWith('src-') && roomOf(file) === undefined)).toEqual([]);
  });

  it('keeps its walls but for the list, which may only shrink', () => {
    const found = violations(house);
    expect(found.filter((line) => !standing.includes(line))).toEqual([]);
    expect(standing.filter((line) => !found.includes(line))).toEqual([]);
  });

  it('has every room of the table', () => {
    const rooms = new Set([...house.keys()].map(roomOf));
    expect(Object.keys(mayImport).filter((room) => !rooms.has(room))).toEqual([]);
  });
});

describe('what is said', () => {
  /** These speak to the command line alone, start other programs, or write what these read. */
  const spokenElsewhere = /^src-main\/(cli|lab|host|jobs\/submit)\/|^src-main\/project\/(byOptions|trainingInput)\.ts$/;
  it('names no option of the command line where the window says it, too', () => {
    const found = [...house].flatMap(([file, text]) =>
      /^src-(main|shared)\/.*\.ts$/.test(file) && !spokenElsewhere.test(file)
        ? text
            .split('\n')
            .filter((line) => !/^\s*(\*|\/)/.test(line) && /['"`][^'"`]*[A-Za-z.,;:] \(?--[a-z][a-z-]+/.test(line))
            .map((line) => `${file}: ${line.trim()}`)
        : [],
    );
    expect(found).toEqual([]);
  });
});

/** A wall: one file that breaks it, the file that it reaches for, and how. */
const walls: readonly (readonly [from: string, to: string, kind?: ImportKind])[] = [
  ['src-shared/base/a.ts', 'src-shared/geometry/b.ts'],
  ['src-shared/geometry/a.ts', 'src-shared/domain/b.ts'],
  ['src-shared/domain/a.ts', 'src-shared/segmentation/b.ts'],
  ['src-shared/segmentation/a.ts', 'src-shared/contract/b.ts'],
  ['src-shared/prompts/a.ts', 'src-shared/contract/b.ts'],
  ['src-shared/segmentation/a.ts', 'src-shared/prompts/b.ts'],
  ['src-shared/contract/a.ts', 'src-shared/segmentation/b.ts'],
  ['src-shared/domain/a.ts', 'src-main/files/b.ts'],
  ['src-main/files/a.ts', 'src-shared/domain/b.ts'],
  ['src-main/engine/graph/a.ts', 'src-main/engine/devices/b.ts'],
  ['src-main/engine/plan/a.ts', 'src-main/files/b.ts'],
  ['src-main/engine/devices/a.ts', 'src-main/model/b.ts'],
  ['src-main/model/a.ts', 'src-main/imageio/b.ts'],
  ['src-main/clustering/a.ts', 'src-main/model/b.ts'],
  ['src-main/inference/a.ts', 'src-main/training/b.ts'],
  ['src-main/inference/a.ts', 'src-main/inference/cases/b.ts'],
  ['src-main/inference/cases/a.ts', 'src-main/training/b.ts'],
  ['src-main/training/a.ts', 'src-main/training/pretrained/b.ts'],
  ['src-main/training/preparation/a.ts', 'src-main/jobs/b.ts'],
  ['src-main/training/pretrained/a.ts', 'src-main/imageio/b.ts'],
  ['src-main/ranking/a.ts', 'src-main/inference/b.ts'],
  ['src-main/imageio/nifti/a.ts', 'src-main/document/b.ts'],
  ['src-main/library/queries/a.ts', 'src-main/imageio/b.ts'],
  ['src-main/document/a.ts', 'src-main/library/b.ts'],
  ['src-main/export/mesh/a.ts', 'src-main/document/b.ts'],
  ['src-main/jobs/a.ts', 'src-main/training/b.ts'],
  ['src-main/jobs/queue.ts', 'src-main/jobs/tasks/b.ts'],
  ['src-main/jobs/run.ts', 'src-main/jobs/tasks/b.ts', 'dynamic'],
  ['src-main/cli/main.ts', 'src-main/host/web/b.ts'],
  ['src-main/cli/run.ts', 'src-main/host/logFile.ts'],
  ['src-main/jobs/tasks/a.ts', 'src-main/library/b.ts'],
  ['src-main/lab/a.ts', 'src-main/services/b.ts'],
  ['src-main/lab/a.ts', 'src-main/jobs/tasks/b.ts'],
  ['src-main/exchange/a.ts', 'src-main/project/b.ts'],
  ['src-main/exchange/a.ts', 'src-main/jobs/b.ts'],
  ['src-main/project/a.ts', 'src-main/services/b.ts'],
  ['src-main/project/a.ts', 'src-main/jobs/tasks/b.ts'],
  ['src-main/project/a.ts', 'src-main/export/b.ts'],
  ['src-main/services/a.ts', 'src-main/document/b.ts'],
  ['src-main/services/a.ts', 'src-main/jobs/tasks/b.ts', 'type'],
  ['src-main/services/a.ts', 'src-main/host/b.ts'],
  ['src-main/services/a.ts', 'src-main/lab/b.ts', 'dynamic'],
  ['src-main/cli/a.ts', 'src-main/host/b.ts', 'type'],
  ['src-main/cli/commands/a.ts', 'src-main/lab/b.ts'],
  ['src-main/cli/commands/a.ts', 'src-main/lab/b.ts', 'type'],
  ['src-main/cli/commands/a.ts', 'src-main/library/b.ts', 'dynamic'],
  ['src-main/cli/a.ts', 'src-main/lab/b.ts', 'dynamic'],
  ['src-main/host/web/a.ts', 'src-main/project/b.ts'],
  ['src-main/host/web/a.ts', 'src-main/cli/b.ts'],
  ['src-main/preload/a.ts', 'src-main/host/b.ts'],
  ['src-main/training/a.ts', 'src-main/imageio/b.ts', 'worker'],
  ['src-renderer/api/a.ts', 'src-main/services/b.ts', 'type'],
  ['src-renderer/work/a.ts', 'src-renderer/stores/b.ts'],
  ['src-renderer/vtk/a.ts', 'src-renderer/stores/b.ts'],
  ['src-renderer/ui/a.svelte', 'src-renderer/stores/b.ts'],
  ['src-renderer/stores/a.svelte.ts', 'src-renderer/vtk/b.ts'],
  ['src-renderer/stores/a.svelte.ts', 'src-renderer/scene/b.ts', 'type'],
  ['src-renderer/scene/a.ts', 'src-renderer/tools/b.ts'],
  ['src-renderer/tools/a.ts', 'src-renderer/vtk/b.ts'],
  ['src-renderer/panels/a.svelte', 'src-renderer/scene/b.ts'],
  ['src-renderer/views/a.svelte', 'src-renderer/vtk/b.ts', 'dynamic'],
  ['src-renderer/app/a.ts', 'src-main/files/b.ts'],
];

const strays: readonly (readonly [file: string, specifier: string])[] = [
  ['src-main/services/a.ts', 'electron'],
  ['src-main/document/a.ts', 'better-sqlite3'],
  ['src-main/engine/plan/a.ts', 'webgpu'],
  ['src-main/engine/executors/cpu/a.ts', '@tensorflow/tfjs-node'],
  ['src-main/engine/executors/webgpu/a.ts', '@tensorflow/tfjs-node-gpu'],
  ['src-renderer/stores/a.ts', '@kitware/vtk.js/Common/Core/Points'],
  ['src-main/export/a.ts', '@itk-wasm/image-io'],
  ['src-main/export/b.ts', 'itk-wasm'],
  ['src-main/library/a.ts', 'nifti-reader-js'],
  ['src-shared/base/a.ts', 'node:fs'],
  ['src-shared/domain/a.ts', 'svelte'],
  ['src-renderer/work/a.ts', 'node:path'],
];

const statements: Readonly<Record<ImportKind, (path: string) => string>> = {
  value: (path) => `import { b } from '${path}';`,
  type: (path) => `import type { B } from '${path}';`,
  dynamic: (path) => `const b = await import('${path}');`,
  worker: (path) => `new Worker(new URL('${path}', import.meta.url));`,
};
const alias = (path: string): string => path.replace('src-', '#');
/** A tree of one file that imports another; a URL takes no alias. */
function tree(from: string, to: string, kind: ImportKind): Sources {
  const path = kind === 'worker' ? relative(resolve(from, '..'), resolve(to)).replace(/^(?!\.)/, './') : alias(to);
  const statement = statements[kind](path);
  return new Map([
    [from, from.endsWith('.svelte') ? `<script lang="ts">\n${statement}\n</script>\n<p>text</p>` : statement],
    [to, 'export const b = 1; export type B = number;'],
  ]);
}

describe('each wall can fail', () => {
  const tries = walls.map(([from, to, kind = 'value']): { from: string; to: string; kind: ImportKind } => ({ from, to, kind }));
  it.each(tries)('$from may not import $to ($kind)', ({ from, to, kind }) => {
    expect(brokenWalls(tree(from, to, kind))).toEqual([`${from} → ${to} (${kind})`]);
  });

  it.each(strays)('%s may not import the package %s', (file, specifier) => {
    expect(strayPackages(new Map([[file, `import x from '${specifier}';`]]))).toEqual([`${file} → ${specifier} (package)`]);
  });

  it('tries every room of the table', () => {
    expect(Object.keys(mayImport).filter((room) => !walls.some(([from]) => roomOf(from) === room))).toEqual([]);
  });

  it('has no exemption for a path that does not exist', () => {
    const lone: Sources = new Map([['src-main/files/a.ts', "import x from './gone.ts';\nimport y from '../../resources/z.json';"]]);
    expect(brokenWalls(lone)).toEqual([
      'src-main/files/a.ts → src-main/files/gone.ts (value: no such file)',
      'src-main/files/a.ts → resources/z.json (value: no such file)',
    ]);
  });

  it('finds circles of values in one room, through import() and workers too', () => {
    const b = 'src-main/jobs/b.ts';
    const c = 'src-main/jobs/c.ts';
    for (const back of [statements.value('./b.ts'), statements.dynamic('./b.ts'), statements.worker('./b.ts')])
      expect(
        circles(
          new Map([
            [b, statements.value('./c.ts')],
            [c, back],
          ]),
        ),
      ).toEqual([`${b} → ${c} (circle of values)`, `${c} → ${b} (circle of values)`]);
  });

  it('finds circles that types close, over more than one room alone', () => {
    const own = new Map([
      ['src-main/jobs/b.ts', statements.value('./c.ts')],
      ['src-main/jobs/c.ts', statements.type('./b.ts')],
    ]);
    expect(circles(own)).toEqual([]);
    const over = new Map([
      ['src-main/jobs/b.ts', statements.type('#main/jobs/tasks/c.ts')],
      ['src-main/jobs/tasks/c.ts', statements.value('#main/jobs/b.ts')],
    ]);
    expect(circles(over)).toEqual(['src-main/jobs/b.ts → src-main/jobs/tasks/c.ts (circle of types over rooms)']);
  });

  it('lets in what the table allows', () => {
    const fine: readonly (readonly [string, string, ImportKind])[] = [
      ['src-main/cli/commands/experiment.ts', 'src-main/lab/experiment.ts', 'dynamic'],
      ['src-main/jobs/registry.ts', 'src-main/jobs/tasks/train.ts', 'dynamic'],
      ['src-main/training/a.ts', 'src-main/model/b.ts', 'value'],
      ['src-renderer/views/a.svelte', 'src-renderer/scene/b.ts', 'value'],
    ];
    for (const [from, to, kind] of fine) expect(brokenWalls(tree(from, to, kind))).toEqual([]);
  });

  it('reads each form of import', () => {
    const text = [
      "import a, { type A } from './a.ts';",
      "import { type B } from './b.ts';",
      "export * from './c.ts';",
      "import './d.css';",
      "type E = typeof import('./e.ts');",
      "const f = await import('./f.ts');",
      'new URL(`./g.${extension}`, import.meta.url);',
      "fork(join(import.meta.dirname, 'tasks', 'h.ts'));",
      "// import './comment.ts';",
      'const text = "import \'./text.ts\'";',
    ].join('\n');
    expect(importsOf('src-main/jobs/x.ts', text).map(({ target, kind }) => `${target?.slice('src-main/jobs/'.length)} ${kind}`)).toEqual([
      'a.ts value',
      'b.ts type',
      'c.ts value',
      'd.css value',
      'e.ts type',
      'f.ts dynamic',
      'g.ts worker',
      'tasks/h.ts worker',
    ]);
  });
});
