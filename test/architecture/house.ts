/** The house's walls as data (docs/explanation/architecture.md says them in words) and the checks over any tree of sources. */
import { dirname, join, normalize } from 'node:path/posix';
import ts from 'typescript';

/** What a task may import; the lab may too. */
const whereComputeMeetsFiles: readonly string[] = [
  'src-main/jobs',
  'src-main/training',
  'src-main/training/preparation',
  'src-main/training/pretrained',
  'src-main/inference',
  'src-main/inference/cases',
  'src-main/model',
  'src-main/clustering',
  'src-main/engine',
  'src-main/engine/devices',
  'src-main/imageio',
  'src-main/export',
  'src-main/ranking',
  'src-main/files',
  'src-shared',
];

/** Room (longest matching folder) → rooms it may import, besides itself; a name without a slash stands for the whole tree. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src-shared/base': [],
  'src-shared/geometry': ['src-shared/base'],
  'src-shared/domain': ['src-shared/base', 'src-shared/geometry'],
  'src-shared/segmentation': ['src-shared/base', 'src-shared/geometry', 'src-shared/domain'],
  'src-shared/prompts': ['src-shared/base', 'src-shared/geometry', 'src-shared/domain', 'src-shared/segmentation'],
  'src-shared/contract': ['src-shared/base', 'src-shared/geometry', 'src-shared/domain'],

  'src-main/files': ['src-shared/base'],
  'src-main/engine': ['src-shared/base'],
  'src-main/engine/devices': ['src-main/engine', 'src-main/files', 'src-shared/base'],
  'src-main/model': ['src-main/engine', 'src-main/files', 'src-shared/base', 'src-shared/domain'],
  'src-main/clustering': ['src-main/engine', 'src-shared'],
  'src-main/inference': ['src-main/model', 'src-main/engine', 'src-shared'],
  'src-main/inference/cases': ['src-main/inference', 'src-main/model', 'src-main/engine', 'src-main/imageio', 'src-shared'],
  'src-main/training': ['src-main/model', 'src-main/clustering', 'src-main/inference', 'src-main/engine', 'src-shared'],
  'src-main/training/preparation': [
    'src-main/training',
    'src-main/inference',
    'src-main/model',
    'src-main/engine',
    'src-main/imageio',
    'src-main/files',
    'src-shared',
  ],
  'src-main/training/pretrained': [
    'src-main/training',
    'src-main/training/preparation',
    'src-main/model',
    'src-main/clustering',
    'src-main/engine',
    'src-main/ranking',
    'src-main/files',
    'src-shared',
  ],
  'src-main/ranking': ['src-shared'],
  'src-main/imageio': ['src-main/files', 'src-shared'],
  'src-main/library': ['src-main/files', 'src-shared'],
  'src-main/document': ['src-main/files', 'src-shared'],
  'src-main/export': ['src-main/imageio', 'src-main/files', 'src-shared'],
  'src-main/jobs': ['src-main/files', 'src-shared'],
  'src-main/jobs/tasks': whereComputeMeetsFiles,
  'src-main/lab': ['src-main/project', 'src-main/exchange', 'src-main/library', 'src-main/document', ...whereComputeMeetsFiles],
  'src-main/exchange': ['src-main/imageio', 'src-main/export', 'src-main/library', 'src-main/document', 'src-main/files', 'src-shared'],
  'src-main/project': [
    'src-main/exchange',
    'src-main/document',
    'src-main/jobs',
    'src-main/library',
    'src-main/imageio',
    'src-main/model',
    'src-main/training/pretrained',
    'src-main/ranking',
    'src-main/files',
    'src-shared',
  ],
  'src-main/services': ['src-main/project', 'src-main/exchange', 'src-main/jobs', 'src-main/library', 'src-main/files', 'src-shared'],
  'src-main/cli': ['src-main/services', 'src-main/project', 'src-main/jobs', 'src-main/files', 'src-shared'],
  'src-main/host': ['src-main/services', 'src-shared'],
  'src-main/preload': ['src-shared'],

  'src-renderer/api': ['src-shared'],
  'src-renderer/work': ['src-shared'],
  'src-renderer/vtk': ['src-shared'],
  'src-renderer/ui': ['src-shared'],
  'src-renderer/stores': ['src-renderer/api', 'src-renderer/work', 'src-shared'],
  'src-renderer/scene': ['src-renderer/stores', 'src-renderer/vtk', 'src-shared'],
  'src-renderer/tools': ['src-renderer/stores', 'src-shared'],
  'src-renderer/panels': ['src-renderer/stores', 'src-renderer/tools', 'src-renderer/ui', 'src-shared'],
  'src-renderer/views': [
    'src-renderer/scene',
    'src-renderer/stores',
    'src-renderer/tools',
    'src-renderer/panels',
    'src-renderer/ui',
    'src-shared',
  ],
  'src-renderer/app': ['src-renderer', 'src-shared'],
};

/** Who enters a closed room, and how: the one way in besides the table. */
const doors: readonly { readonly from: string; readonly to: string; readonly kinds: readonly ImportKind[] }[] = [
  { from: 'src-main/cli/commands/', to: 'src-main/lab/', kinds: ['dynamic'] },
  { from: 'src-main/jobs/registry.ts', to: 'src-main/jobs/tasks/', kinds: ['value', 'type', 'dynamic'] },
  // The command line's entry is its own host: it hands in the log's file.
  { from: 'src-main/cli/main.ts', to: 'src-main/host/logFile.ts', kinds: ['value'] },
];

/** Package → the only folders that may import it. */
const packageHomes: Readonly<Record<string, readonly string[]>> = {
  electron: ['src-main/host/electron', 'src-main/preload'],
  'better-sqlite3': ['src-main/library'],
  webgpu: ['src-main/engine/executors/webgpu'],
  '@tensorflow/tfjs-node': ['src-main/engine/executors/tensorflow'],
  '@tensorflow/tfjs-node-gpu': ['src-main/engine/executors/tensorflow'],
  '@kitware/vtk.js': ['src-renderer/vtk', 'src-renderer/scene'],
  '@itk-wasm/image-io': ['src-main/imageio'],
  'itk-wasm': ['src-main/imageio'],
  'nifti-reader-js': ['src-main/imageio'],
};

/** `type` leaves nothing at run time; `worker` starts another thread or process with the file. */
export type ImportKind = 'value' | 'type' | 'dynamic' | 'worker';

/** Path inside the repository → text. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly file: string;
  /** As written. */
  readonly specifier: string;
  /** Path inside the repository; undefined for a package. */
  readonly target: string | undefined;
  readonly kind: ImportKind;
}

const aliases: Readonly<Record<string, string>> = {
  '#shared/': 'src-shared/',
  '#main/': 'src-main/',
  '#renderer/': 'src-renderer/',
  '#test/': 'test/',
};

function resolveTarget(file: string, specifier: string): string | undefined {
  const path = specifier.replace(/\?.*$/, ''); // Vite's ?url and the like
  for (const [alias, folder] of Object.entries(aliases)) if (path.startsWith(alias)) return folder + path.slice(alias.length);
  return path.startsWith('.') ? normalize(join(dirname(file), path)) : undefined;
}

/** Of a component its scripts, with the lines where they stand. */
const scriptOf = (file: string, text: string): string =>
  file.endsWith('.svelte') ? [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1]).join('\n') : text;

/** A literal, or a template whose only open part is the file's ending. */
function textOf(node: ts.Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node) && node.head.text.endsWith('.') && node.templateSpans.length === 1) return `${node.head.text}ts`;
  return undefined;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    const clause = node.exportClause;
    return node.isTypeOnly || (clause !== undefined && ts.isNamedExports(clause) && clause.elements.every((element) => element.isTypeOnly));
  }
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  return (
    clause.name === undefined &&
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    bindings.elements.length > 0 &&
    bindings.elements.every((element) => element.isTypeOnly)
  );
}

/** Every import of a file: static, `import()`, types, `new URL(…, import.meta.url)`, and a path joined to `import.meta.dirname`. */
export function importsOf(file: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string | undefined, kind: ImportKind): void => {
    if (specifier !== undefined) found.push({ file, specifier, target: resolveTarget(file, specifier), kind });
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined)
      add(textOf(node.moduleSpecifier), isTypeOnly(node) ? 'type' : 'value');
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(textOf(node.argument.literal), 'type');
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(textOf(node.arguments[0]), 'dynamic');
    else if (ts.isNewExpression(node) && node.expression.getText() === 'URL' && node.arguments?.[1]?.getText() === 'import.meta.url')
      add(textOf(node.arguments[0]), 'worker');
    else if (ts.isCallExpression(node) && node.arguments[0]?.getText() === 'import.meta.dirname') {
      const parts = node.arguments.slice(1).map(textOf);
      if (/\.m?[jt]s$/.test(parts.at(-1) ?? '')) add(`./${parts.join('/')}`, 'worker');
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, scriptOf(file, text), ts.ScriptTarget.Latest, true));
  return found;
}

const read = new WeakMap<Sources, readonly Import[]>();

/** All imports of a tree, each file parsed once. */
function importsIn(sources: Sources): readonly Import[] {
  const imports = read.get(sources) ?? [...sources].flatMap(([file, text]) => importsOf(file, text));
  read.set(sources, imports);
  return imports;
}

export function roomOf(path: string): string | undefined {
  return Object.keys(mayImport)
    .filter((room) => path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function allowed({ file, kind }: Import, target: string): boolean {
  if (doors.some((door) => file.startsWith(door.from) && target.startsWith(door.to) && door.kinds.includes(kind))) return true;
  if (target.startsWith('resources/')) return true;
  const from = roomOf(file);
  const to = roomOf(target);
  if (from === undefined || to === undefined) return false;
  return from === to || (mayImport[from] ?? []).some((room) => room === to || (!room.includes('/') && to.startsWith(`${room}/`)));
}

/** Imports that no row of the table allows; among them each import of a path that does not exist, and of one outside every room. */
export function brokenWalls(sources: Sources): string[] {
  return importsIn(sources).flatMap((entry) => {
    const { file, target, kind } = entry;
    if (target === undefined) return [];
    if (!sources.has(target)) return [`${file} → ${target} (${kind}: no such file)`];
    return allowed(entry, target) ? [] : [`${file} → ${target} (${kind})`];
  });
}

/** Packages outside their homes, Node in the window, and anything but the schema library in src-shared. */
export function strayPackages(sources: Sources): string[] {
  return importsIn(sources).flatMap(({ file, specifier, target }) => {
    if (target !== undefined) return [];
    const name = Object.keys(packageHomes).find((candidate) => specifier === candidate || specifier.startsWith(`${candidate}/`));
    const homes = name === undefined ? undefined : packageHomes[name];
    const stray =
      (homes !== undefined && !homes.some((home) => file.startsWith(`${home}/`))) ||
      (file.startsWith('src-renderer/') && specifier.startsWith('node:')) ||
      (file.startsWith('src-shared/') && specifier !== 'valibot');
    return stray ? [`${file} → ${specifier} (package)`] : [];
  });
}

/** Node → the number of its strongly connected component (Tarjan). */
function components(edges: ReadonlyMap<string, readonly string[]>): Map<string, number> {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const component = new Map<string, number>();
  const open: string[] = [];
  let count = 0;
  const visit = (node: string): void => {
    order.set(node, order.size);
    low.set(node, order.get(node) as number);
    open.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (!component.has(next)) low.set(node, Math.min(low.get(node) as number, low.get(next) as number));
    }
    if (low.get(node) !== order.get(node)) return;
    for (let member = open.pop(); member !== undefined; member = member === node ? undefined : open.pop()) component.set(member, count);
    count += 1;
  };
  for (const node of edges.keys()) if (!order.has(node)) visit(node);
  return component;
}

function inCircles(imports: readonly Import[]): (Import & { readonly target: string })[] {
  const inside = imports.filter((entry): entry is Import & { readonly target: string } => entry.target !== undefined);
  const edges = new Map<string, string[]>();
  for (const { file, target } of inside) edges.set(file, [...(edges.get(file) ?? []), target]);
  const component = components(edges);
  return inside.filter(({ file, target }) => component.get(file) === component.get(target));
}

/** Each import that is part of a circle of values, and each import of a type that closes a circle over more than one room. */
export function circles(sources: Sources): string[] {
  const imports = importsIn(sources);
  const values = inCircles(imports.filter(({ kind }) => kind !== 'type')).map(
    ({ file, target }) => `${file} → ${target} (circle of values)`,
  );
  const types = inCircles(imports)
    .filter(({ file, target, kind }) => kind === 'type' && roomOf(file) !== roomOf(target))
    .map(({ file, target }) => `${file} → ${target} (circle of types over rooms)`);
  return [...values, ...types];
}

export const violations = (sources: Sources): string[] =>
  [...new Set([...brokenWalls(sources), ...strayPackages(sources), ...circles(sources)])].sort();
