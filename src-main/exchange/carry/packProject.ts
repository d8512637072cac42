import { createHash } from 'node:crypto';
import { lstat, mkdir, open, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { knownImage, type ImageRecord } from '#shared/domain/image.ts';
import { unfinishedName, unfinishedPath, writeFileAtomically } from '#main/files/atomicFile.ts';
import { fileError } from '#main/files/fileError.ts';
import { filesBelow } from '#main/files/filesBelow.ts';
import { requireSpace } from '#main/files/freeSpace.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import { claimOutputs } from '#main/files/outputs.ts';
import { requireAbsolute } from '#main/files/requireAbsolute.ts';
import { piecesOf, TarWriter } from '#main/files/tar.ts';
import { combinedHash } from '#main/imageio/combinedHash.ts';
import { changedFile, fileStates } from '#main/imageio/knownFiles.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { copyForCarrying, getCase, imagePaths, latestSchema, listImages, type CarriedImage, type Project } from '#main/library/index.ts';
import { detached } from '../caseImages.ts';
import { keptNames } from '../keepImage.ts';
import { checksumsName, checksumsText, descriptionName, descriptionText, packedEnding, readPacked } from './packedProject.ts';

export interface PackResult {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

export interface PackOptions {
  /** Replace a packed project of this name. */
  readonly overwrite?: boolean;
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

interface PackedFile {
  /** In the project that is unpacked. */
  readonly name: string;
  readonly path: string;
}

/** The folders of a project that are carried along; jobs, exports and backups stay. */
const folders = ['cases', 'models', 'prompts', 'learned'];
const loose = ['project.json', 'problems.json', 'Open.logonet'];

/**
 * Packs a project into one file: its library, masks, models, and images, also those that are left where they were found. Written beside its
 * place, read back, then renamed. Throws `conflict` (something is there already, or a mask was edited meanwhile), `not-found` and `changed`
 * (an image is away, or is not what was imported), `disk-full` before anything is written, `io`, `cancelled`.
 */
export async function packProject(
  project: Pick<Project, 'paths' | 'info' | 'read' | 'requireWritable'>,
  out: string,
  options: PackOptions,
): Promise<PackResult> {
  requireAbsolute(out);
  if (project.paths.holds(out)) project.requireWritable();
  if (extname(out).toLowerCase() !== packedEnding)
    throw new StudioError('invalid-argument', `A packed project is a file with the ending ${packedEnding}.`);
  await claimOutputs([out], {
    inputs: [project.paths.folder, ...listImages(project.read).flatMap((record) => imagePaths(project.paths, record))],
    overwrite: options.overwrite === true,
  });
  makeFolder(dirname(out));
  const parts = unfinishedPath(out);
  try {
    await mkdir(parts);
    const packing = new Packing(project, parts, options);
    await packing.gather();
    return await packing.write(out);
  } catch (error) {
    throw fileError(error, out);
  } finally {
    await rm(parts, { recursive: true, force: true });
  }
}

class Packing {
  readonly #project: Pick<Project, 'paths' | 'info' | 'read' | 'requireWritable'>;
  readonly #parts: string;
  readonly #options: PackOptions;
  readonly #files: PackedFile[] = [];
  /** Hashes that files have to have, by the image they belong to. */
  readonly #images: { readonly record: ImageRecord; readonly names: readonly string[]; readonly hash: string | null }[] = [];
  /** Sizes and times of what is edited, as they were before. */
  readonly #edited = new Map<string, string>();

  constructor(project: Pick<Project, 'paths' | 'info' | 'read' | 'requireWritable'>, parts: string, options: PackOptions) {
    this.#project = project;
    this.#parts = parts;
    this.#options = options;
  }

  async gather(): Promise<void> {
    const { paths } = this.#project;
    const library = join(this.#parts, 'library.sqlite');
    const carried: CarriedImage[] = [];
    for (const record of listImages(this.#project.read)) carried.push(await this.#gatherImage(record));
    copyForCarrying(this.#project.read, library, carried);
    this.#files.unshift({ name: 'library.sqlite', path: library });
    for (const name of loose) if (await isFile(join(paths.folder, name))) this.#files.unshift({ name, path: join(paths.folder, name) });
    for (const folder of folders)
      for (const path of await filesBelow(join(paths.folder, folder)).catch(() => [])) {
        const name = paths.relative(path);
        if (name.split('/').some((part) => unfinishedName.test(part)) || !(await isFile(path))) continue;
        this.#files.push({ name, path });
        if (/^cases\/[^/]+\/document\//.test(name)) this.#edited.set(path, await stateOf(path));
      }
  }

  /** Where the image will lie. A header with its voxels elsewhere becomes one file, so that no name inside has to be right. */
  async #gatherImage(record: ImageRecord): Promise<CarriedImage> {
    const { cancellation, report } = this.#options;
    throwIfCancelled(cancellation);
    const sources = imagePaths(this.#project.paths, record);
    await fileStates(sources).catch((error: unknown) => {
      if (!(error instanceof StudioError)) throw error;
      const { name } = getCase(this.#project.read, record.caseId);
      throw new StudioError(error.code, `The image of “${name}” cannot be packed: ${error.message}`, { cause: error });
    });
    if (record.storage === 'copy') {
      this.#add(record, record.paths, sources, record.storedHash);
      return { ...record };
    }
    const folder = `images/${record.contentHash.slice(0, 32)}`;
    if (sources.some((path) => detached.test(path))) {
      report({ phase: 'Reading images', fraction: 0 });
      const { volume } = await readImage(sources, { cancellation, ...knownImage(record) });
      const path = join(this.#parts, `${record.id}.nii.gz`);
      await writeVolume(path, volume);
      const { contentHash } = await readImage(path, { cancellation });
      const name = `${folder}/image.nii.gz`;
      this.#add(record, [name], [path], contentHash);
      return { id: record.id, paths: [name], storedHash: contentHash };
    }
    const names = keptNames(sources, record.format).map((name) => `${folder}/${name}`);
    this.#add(record, names, sources, record.storedHash);
    return { id: record.id, paths: names, storedHash: record.storedHash };
  }

  #add(record: ImageRecord, names: readonly string[], sources: readonly string[], hash: string | null): void {
    // Two cases may have one image, and one copy of it.
    if (!this.#images.some((other) => other.names[0] === names[0]))
      this.#files.push(...names.map((name, n) => ({ name, path: sources[n] ?? '' })));
    this.#images.push({ record, names, hash });
  }

  async write(out: string): Promise<PackResult> {
    const { info } = this.#project;
    const { cancellation, report } = this.#options;
    let total = 0;
    for (const { path } of this.#files) total += (await stat(path)).size;
    await requireSpace(dirname(out), total + 1024 * this.#files.length);
    const hashes = new Map<string, string>();
    let done = 0;
    const show = (name: string, bytes: number, share: number, from: number): void => {
      throwIfCancelled(cancellation);
      done += bytes;
      report({
        phase: from === 0 ? 'Packing' : 'Reading back',
        fraction: from + (share * done) / Math.max(1, total),
        detail: basename(name),
      });
    };
    await writeFileAtomically(
      out,
      async (file) => {
        const archive = new TarWriter(file);
        const described = { id: info.id, name: info.name, schema: latestSchema, files: this.#files.length, bytes: total };
        await addText(archive, descriptionName, descriptionText(described));
        for (const { name, path } of this.#files) {
          const source = await open(path, 'r');
          try {
            hashes.set(name, await addFile(archive, name, source, (bytes) => show(name, bytes, 0.6, 0)));
          } finally {
            await source.close();
          }
        }
        await this.#compare(hashes);
        await addText(archive, checksumsName, checksumsText(hashes));
        await archive.end();
      },
      async (temporary) => {
        done = 0;
        const file = await open(temporary, 'r');
        try {
          await readPacked(file, latestSchema, async ({ name }, pieces) => {
            for await (const piece of pieces) show(name, piece.length, 0.4, 0.6);
          });
        } finally {
          await file.close();
        }
      },
    );
    return { path: out, files: this.#files.length, bytes: (await stat(out)).size };
  }

  /** What was packed is what was imported, and no mask was edited meanwhile. */
  async #compare(hashes: ReadonlyMap<string, string>): Promise<void> {
    for (const { record, names, hash } of this.#images) {
      if (hash === null || combinedHash(names.map((name) => hashes.get(name) ?? '')) === hash) continue;
      const paths = imagePaths(this.#project.paths, record);
      throw changedFile(paths, knownImage(record).modifiedAt, await fileStates(paths));
    }
    for (const [path, before] of this.#edited)
      if ((await stateOf(path)) !== before)
        throw new StudioError('conflict', 'A mask was edited while the project was packed. Close the case, and pack the project again.');
  }
}

async function addText(archive: TarWriter, name: string, bytes: Buffer): Promise<void> {
  await archive.add(name, bytes.length, [bytes]);
}

/** SHA-256 of what was added: the file as long as it was when it was opened. */
async function addFile(archive: TarWriter, name: string, source: FileHandle, passed: (bytes: number) => void): Promise<string> {
  const hash = createHash('sha256');
  const { size } = await source.stat();
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of piecesOf(source, 0, size)) {
      hash.update(piece);
      passed(piece.length);
      yield piece;
    }
  };
  await archive.add(name, size, pieces());
  return hash.digest('hex');
}

async function isFile(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function stateOf(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true }).catch(() => ({ ino: 0n, size: 0n, mtimeNs: 0n }));
  return [ino, size, mtimeNs].join(':');
}
