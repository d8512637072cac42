import { StudioError } from '#shared/base/errors.ts';
import { asStored, onSameGrid, type CaseChannel, type PlacedBy, type Placement } from '#shared/domain/caseImages.ts';
import type { ImageId } from '#shared/domain/ids.ts';
import { knownImage, type FileState, type ImageRecord } from '#shared/domain/image.ts';
import { spacing, type Affine, type Grid } from '#shared/geometry/grid.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { newId } from '../newId.ts';
import type { ProjectPaths } from '../paths.ts';
import { recordEvent } from './events.ts';

interface Row {
  id: string;
  case_id: string;
  position: number;
  name: string;
  placed_by: PlacedBy;
  to_leading: string | null;
  factor: number;
  unit: string;
  content_hash: string;
  stored_hash: string | null;
  storage: 'copy' | 'reference';
  paths: string;
  file_states: string | null;
  format: string;
  modality: string;
  grid: string;
  frame_of_reference: string | null;
  added_at: string;
}

function toImage(row: Row): ImageRecord {
  return {
    id: row.id,
    caseId: row.case_id,
    position: row.position,
    name: row.name,
    placement: { by: row.placed_by, toLeading: row.to_leading === null ? null : (JSON.parse(row.to_leading) as Affine) },
    scale: { factor: row.factor, unit: row.unit },
    contentHash: row.content_hash,
    storedHash: row.stored_hash,
    storage: row.storage,
    paths: JSON.parse(row.paths) as string[],
    fileStates: row.file_states === null ? null : (JSON.parse(row.file_states) as FileState[]),
    format: row.format,
    modality: row.modality,
    grid: JSON.parse(row.grid) as Grid,
    frameOfReference: row.frame_of_reference,
    addedAt: row.added_at,
  };
}

/** What is not given of an image that is new: it has no name, lies on the leading grid, and its values are as they are stored. */
export type NewImage = Omit<ImageRecord, 'id' | 'addedAt' | 'position' | 'name' | 'placement' | 'scale' | 'frameOfReference'> &
  Partial<Pick<ImageRecord, 'name' | 'placement' | 'scale' | 'frameOfReference'>>;

/** Adds an image behind those that its case has. The first one leads: the case takes over its modality, size and spacing. Throws `conflict` for an unknown case. */
export function addImage(write: WriteHandle, image: NewImage): ImageId {
  const id = newId();
  const { name = '', placement = onSameGrid, scale = asStored, frameOfReference = null } = image;
  write.transaction(() => {
    const position =
      write.get<{ next: number }>('SELECT count(*) AS next FROM image WHERE case_id = $caseId', { caseId: image.caseId })?.next ?? 0;
    write.run(
      `INSERT INTO image (id, case_id, position, name, placed_by, to_leading, factor, unit, content_hash, stored_hash, storage, paths, file_states, format, modality, grid, frame_of_reference, added_at)
       VALUES ($id, $caseId, $position, $name, $placedBy, $toLeading, $factor, $unit, $contentHash, $storedHash, $storage, $paths, $fileStates, $format, $modality, $grid, $frameOfReference, $at)`,
      {
        id,
        caseId: image.caseId,
        position,
        name,
        placedBy: placement.by,
        toLeading: affineText(placement),
        factor: scale.factor,
        unit: scale.unit,
        contentHash: image.contentHash,
        storedHash: image.storedHash,
        storage: image.storage,
        paths: JSON.stringify(image.paths),
        fileStates: statesText(image.fileStates),
        format: image.format,
        modality: image.modality,
        grid: JSON.stringify(image.grid),
        frameOfReference,
        at: new Date().toISOString(),
      },
    );
    if (position === 0)
      write.run('UPDATE cases SET modality = $modality, size = $size, spacing = $spacing WHERE id = $caseId', {
        caseId: image.caseId,
        modality: image.modality,
        size: JSON.stringify(image.grid.size),
        spacing: JSON.stringify(spacing(image.grid)),
      });
    recordEvent(write, {
      kind: 'image-added',
      caseId: image.caseId,
      message: `Image${name === '' ? '' : ` “${name}”`} added (${image.format}).`,
      detail: { contentHash: image.contentHash, storage: image.storage, ...(position > 0 && { placedBy: placement.by }) },
    });
  });
  return id;
}

const affineText = ({ toLeading }: Placement): string | null => (toLeading === null ? null : JSON.stringify(toLeading));

/** Says anew where a further image of a case lies. Throws `not-found`, and `conflict` for the leading one, which all others are placed by. */
export function placeImage(write: WriteHandle, id: ImageId, placement: Placement): void {
  write.transaction(() => {
    const row = write.get<Row>('SELECT * FROM image WHERE id = $id', { id });
    if (row === undefined) throw new StudioError('not-found', 'This image is not in the project.', { detail: id });
    if (row.position === 0) throw new StudioError('conflict', 'The leading image of a case stays where it is. Place the others on it.');
    const { name, placement: before } = toImage(row);
    write.run('UPDATE image SET placed_by = $by, to_leading = $toLeading WHERE id = $id', {
      id,
      by: placement.by,
      toLeading: affineText(placement),
    });
    recordEvent(write, {
      kind: 'image-placed',
      caseId: row.case_id,
      message: `Image “${name}” placed by hand.`,
      detail: { before, after: placement },
    });
  });
}

/** Calls an image of a case something else; one that is gone is passed over. */
export function nameImage(write: WriteHandle, id: ImageId, name: string): void {
  write.run('UPDATE image SET name = $name WHERE id = $id', { id, name });
}

const statesText = (states: readonly FileState[] | null): string | null => (states === null ? null : JSON.stringify(states));

/** Notes by what an image's files are known again. */
export function noteImageFiles(
  write: WriteHandle,
  id: ImageId,
  { storedHash, fileStates }: Pick<ImageRecord, 'storedHash' | 'fileStates'>,
): void {
  write.run('UPDATE image SET stored_hash = $storedHash, file_states = $fileStates WHERE id = $id', {
    id,
    storedHash,
    fileStates: statesText(fileStates),
  });
}

/** A referenced image lies elsewhere from now on. */
export function moveImage(write: WriteHandle, image: ImageRecord, paths: readonly string[], fileStates: ImageRecord['fileStates']): void {
  write.transaction(() => {
    write.run('UPDATE image SET paths = $paths, file_states = $fileStates WHERE id = $id', {
      id: image.id,
      paths: JSON.stringify(paths),
      fileStates: statesText(fileStates),
    });
    recordEvent(write, {
      kind: 'image-relinked',
      caseId: image.caseId,
      message: 'The image is read from another place; its content is the same.',
      detail: { from: image.paths[0], to: paths[0], contentHash: image.storedHash },
    });
  });
}

/** The image with this content, if the project has it already. */
export function findImageByHash(read: ReadHandle, contentHash: string): ImageRecord | undefined {
  const row = read.get<Row>('SELECT * FROM image WHERE content_hash = $contentHash ORDER BY position LIMIT 1', { contentHash });
  return row === undefined ? undefined : toImage(row);
}

/** Of one case, or of all cases, oldest first; each case's images stand together, the leading one first. */
export function listImages(read: ReadHandle, caseId?: string): ImageRecord[] {
  const rows =
    caseId === undefined
      ? read.all<Row>('SELECT * FROM image ORDER BY case_id, position')
      : read.all<Row>('SELECT * FROM image WHERE case_id = $caseId ORDER BY position', { caseId });
  return rows.map(toImage);
}

/** The leading image of a case, on whose grid its masks lie; `not-found` where it has none. */
export function imageOf(read: ReadHandle, caseId: string): ImageRecord {
  const [record] = listImages(read, caseId);
  if (record === undefined) throw new StudioError('not-found', 'This case has no image.');
  return record;
}

/** The images of each case that has any, the leading one first. */
export function imagesByCase(read: ReadHandle): Map<string, ImageRecord[]> {
  return Map.groupBy(listImages(read), ({ caseId }) => caseId);
}

/** Absolute paths of its files. */
export function imagePaths(paths: ProjectPaths, record: ImageRecord): readonly string[] {
  return record.storage === 'reference' ? record.paths : record.paths.map((path) => paths.inside(path));
}

/** The images of one case as a job reads them (`onLeadingGrid`), the leading one first. */
export function channelsOf(paths: ProjectPaths, images: readonly ImageRecord[]): CaseChannel[] {
  return images.map((record) => ({
    imageId: record.id,
    name: record.name,
    image: imagePaths(paths, record),
    contentHash: record.contentHash,
    modality: record.modality,
    placement: record.placement,
    scale: record.scale,
    ...knownImage(record),
  }));
}
