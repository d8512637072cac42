import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Layer (longest matching folder) → layers it may import, besides itself. The table is the house's walls (docs/architecture.md). */
const mayImport: Record<string, readonly string[]> = {
  'src-shared/base': [],
  'src-shared/geometry': ['src-shared/base'],
  'src-shared/domain': ['src-shared/base', 'src-shared/geometry'],
  'src-shared/segmentation': ['src-shared/base', 'src-shared/geometry', 'src-shared/domain'],
  'src-shared/contract': ['src-shared/base', 'src-shared/geometry', 'src-shared/domain'],
  'src-main/files': ['src-shared/base'],
  'src-main/engine': ['src-shared/base'],
  'src-main/engine/devices': ['src-main/engine', 'src-main/files', 'src-shared/base'],
  'src-main/model': ['src-main/engine', 'src-shared/base', 'src-shared/domain'],
  'src-main/clustering': ['src-main/engine', 'src-shared'],
  'src-main/training': ['src-main/model', 'src-main/clustering', 'src-main/engine', 'src-main/inference', 'src-shared'],
  'src-main/inference': ['src-main/model', 'src-main/engine', 'src-shared'],
  'src-main/imageio': ['src-main/files', 'src-shared'],
  'src-main/library': ['src-main/files', 'src-shared'],
  'src-main/document': ['src-main/files', 'src-shared'],
  'src-main/export': ['src-main/files', 'src-main/imageio', 'src-shared'],
  'src-main/ranking': ['src-shared'],
  'src-main/jobs': ['src-main/files', 'src-shared'],
  'src-main/jobs/tasks': [
    'src-main/files', 'src-main/jobs', 'src-main/training', 'src-main/inference', 'src-main/model', 'src-main/clustering', 'src-main/engine',
    'src-main/engine/devices', 'src-main/imageio', 'src-main/ranking', 'src-main/export', 'src-shared',
  ],
  'src-main/services': [
    'src-main/files', 'src-main/jobs', 'src-main/jobs/tasks', 'src-main/library', 'src-main/document', 'src-main/imageio', 'src-main/export', 'src-main/ranking', 'src-shared',
  ],
  'src-main/host': ['src-main/services', 'src-shared'],
  'src-main/preload': ['src-shared'],
  'src-main/cli': ['src-main/files', 'src-main/services', 'src-main/jobs', 'src-main/jobs/tasks', 'src-shared'],
  'src-renderer/ui': ['src-shared'],
  'src-renderer/api': ['src-shared'],
  'src-renderer/vtk': ['src-shared'],
  'src-renderer/stores': ['src-renderer/api', 'src-renderer/vtk', 'src-shared'],
  'src-renderer/tools': ['src-renderer/stores', 'src-renderer/vtk', 'src-shared'],
  'src-renderer/panels': ['src-renderer/stores', 'src-renderer/tools', 'src-renderer/ui', 'src-shared'],
  'src-renderer/views': ['src-renderer/stores', 'src-renderer/tools', 'src-renderer/ui', 'src-renderer/panels', 'src-renderer/vtk', 'src-shared'],
  'src-renderer/app': ['src-renderer', 'src-shared'],
};

/** Package → the only folders that may import it. */
const packageHomes: Record<string, readonly string[]> = {
  electron: ['src-main/host/electron', 'src-main/preload'],
  'better-sqlite3': ['src-main/library'],
  webgpu: ['src-main/engine/executors/webgpu'],
  '@tensorflow/tfjs-node': ['src-main/engine/executors/tensorflow'],
  '@tensorflow/tfjs-node-gpu': ['src-main/engine/executors/tensorflow'],
  '@kitware/vtk.js': ['src-renderer/vtk'],
  'nifti-reader-js': ['src-main/imageio'],
};

interface Import { readonly file: string; readonly target: string }

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|svelte)$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const pattern = /(?:^|\n|;)\s*(?:import|export)\s[^'";]*?from\s*['"]([^'"]+)['"]|import\s*\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => ({ file, target: (match[1] ?? match[2] ?? match[3]) as string }));
}

function layerOf(path: string): string | undefined {
  return Object.keys(mayImport).filter((layer) => path.startsWith(`${layer}/`)).sort((a, b) => b.length - a.length)[0];
}

function resolveInside(file: string, target: string): string | undefined {
  const aliases: Record<string, string> = { '#shared/': 'src-shared/', '#main/': 'src-main/', '#renderer/': 'src-renderer/' };
  for (const [alias, folder] of Object.entries(aliases)) if (target.startsWith(alias)) return folder + target.slice(alias.length);
  return target.startsWith('.') ? relative(root, resolve(root, dirname(file), target)) : undefined;
}

function allowed(from: string, to: string): boolean {
  const home = layerOf(from);
  const layer = layerOf(to);
  if (home === undefined) return true;
  if (layer === undefined) return !to.startsWith('src-'); // JSON, workers' URLs and the like
  return layer === home || (mayImport[home] ?? []).some((folder) => layer === folder || (folder.split('/').length === 1 && layer.startsWith(`${folder}/`)));
}

const files = ['src-shared', 'src-main', 'src-renderer'].flatMap(sourceFiles);
const imports = files.flatMap(importsOf);

describe('the house', () => {
  it('gives every source file a room', () => {
    const homeless = files.filter((file) => layerOf(file) === undefined && !/^src-renderer\/(main\.ts|App\.svelte)$/.test(file));
    expect(homeless).toEqual([]);
  });

  it('keeps its walls', () => {
    const broken = imports.flatMap(({ file, target }) => {
      const inside = resolveInside(file, target);
      return inside !== undefined && !allowed(file, inside) ? [`${file} → ${inside}`] : [];
    });
    expect(broken).toEqual([]);
  });

  it('keeps packages in their only homes', () => {
    const broken = imports.filter(({ file, target }) => {
      const name = Object.keys(packageHomes).find((candidate) => target === candidate || target.startsWith(`${candidate}/`));
      return name !== undefined && !(packageHomes[name] ?? []).some((home) => file.startsWith(`${home}/`));
    });
    expect(broken).toEqual([]);
  });

  it('keeps src-shared free of node:, DOM and packages other than the schema library', () => {
    const broken = imports.filter(({ file, target }) => file.startsWith('src-shared/') && !target.startsWith('.') && !target.startsWith('#shared/') && target !== 'valibot');
    expect(broken).toEqual([]);
  });

  it('sees a forbidden import (the test can fail)', () => {
    expect(allowed('src-shared/base/x.ts', 'src-shared/domain/y.ts')).toBe(false);
    expect(allowed('src-main/engine/a.ts', 'src-main/model/b.ts')).toBe(false);
    expect(allowed('src-main/training/a.ts', 'src-main/model/b.ts')).toBe(true);
  });
});
