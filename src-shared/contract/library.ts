import * as v from 'valibot';
import { placedBy } from '../domain/caseImages.ts';
import { acceptances } from '../domain/mask.ts';
import { defineService } from './define.ts';
import { bytes, count, errorCode, finite, id, labelValue, list, nothing, path, text, timestamp, triple } from './values.ts';

export const caseStatus = v.picklist(['unlabelled', 'predicted', 'inCorrection', 'accepted', 'excluded']);

export const caseRow = v.strictObject({
  id,
  name: text(512),
  status: caseStatus,
  notes: text(4000),
  /** Held out: chosen by patient, never trained on, the measure of every model. */
  heldOut: v.boolean(),
  modality: text(16),
  /** Voxels along i, j, k. */
  size: triple,
  /** Millimetres along i, j, k. */
  spacing: triple,
  hasMask: v.boolean(),
  /** How its newest mask was accepted; null where none was. What was accepted in bulk or unseen may train and never measures. */
  acceptance: v.nullable(v.picklist(acceptances)),
  hasPrediction: v.boolean(),
  /** Mean entropy of the prediction in its foreground, 0..1, where there is one. */
  uncertainty: v.nullable(finite),
  /** Place in the proposed order (1 is next) and why, where a ranking has been made. */
  rank: v.nullable(count),
  reason: v.nullable(text(1000)),
  createdAt: timestamp,
  updatedAt: timestamp,
  updatedBy: text(256),
});

export const caseEvent = v.strictObject({ at: timestamp, who: text(256), kind: text(64), message: text(2000) });

export const skippedFile = v.strictObject({ path, code: errorCode, message: text(4000) });
export const fileWarning = v.strictObject({ path, message: text(4000) });

/** A label of masks that are to be imported, and the label of the project that it becomes. */
export const plannedLabel = v.strictObject({
  key: text(160),
  /** As the source calls it; null where nothing names it. */
  name: v.nullable(text(4000)),
  values: list(count, 65_535),
  color: v.nullable(text(64)),
  /** What the source's code says that it is. */
  code: v.nullable(v.strictObject({ key: text(200), meaning: text(200) })),
  masks: count,
  /** Null: left out, its voxels become background. */
  target: v.nullable(text(128)),
  /** Why a person has to say what it is; null where it is certain. */
  doubt: v.nullable(text(1000)),
  /** It became `target` by its code, not by its name. */
  byCode: v.boolean(),
  /** The key of the label that it lies inside of. */
  inside: v.optional(text(160)),
});

const files = list(path, 200_000);

const size = v.strictObject({ files: count, bytes: count });
const removed = v.strictObject({ caseId: id, name: text(512) });

/** What removing cases for good takes, and what stays. */
export const removalPlan = v.strictObject({
  cases: list(removed, 1_000_000),
  /** Further cases of the same patients, which stay. */
  others: list(removed, 1_000_000),
  /** Copies of images in the project. */
  copies: size,
  /** Files outside the project: they are not touched. */
  referencedFiles: count,
  revisions: count,
  /** Masks, journals, predictions, thumbnails. */
  caseFiles: size,
  /** Jobs that lose what they have prepared of the cases. */
  jobs: count,
  /** Backups of the library, in whose place a new one comes. */
  backups: size,
  /** They learned from one of the cases, and stay as they are. */
  learnedModels: list(v.strictObject({ id, name: text(256), inUse: v.boolean() }), 10_000),
  /** What was pre-trained on scans without labels has seen one of them, and goes. */
  backbone: v.boolean(),
});
const removal = v.strictObject({ caseIds: v.pipe(list(id, 10_000), v.minLength(1)), patients: v.optional(v.boolean(), false) });

/** What an import would do. Every file that was found stands in it once. */
export const importPlan = v.strictObject({
  plan: id,
  cases: list(
    v.strictObject({
      name: text(512),
      /** The project has its leading image already; the case gains a mask or further images. */
      existing: v.boolean(),
      /** That it gains; the first of a new case leads. */
      images: list(
        v.strictObject({
          name: text(512),
          files,
          /** Which volume of its files, from 1, where they hold several. */
          volume: v.nullable(count),
          placedBy: v.picklist(placedBy),
          /** What its values are read in; empty: as they are stored. */
          unit: text(16),
        }),
        100,
      ),
      mask: v.nullable(
        v.strictObject({
          files,
          labels: list(text(160), 65_535),
          remarks: list(text(4000), 1000),
          /** Voxels that several labels (their keys) hold at once. */
          overlaps: list(v.strictObject({ labels: list(text(160), 65_535), voxels: count }), 65_535),
        }),
      ),
      warnings: list(text(4000), 1000),
    }),
    100_000,
  ),
  labels: list(plannedLabel, 65_535),
  /** Labels (their keys) that lie over others somewhere: those in front have the voxels. */
  overlapOrder: list(text(160), 65_535),
  /** Files and series that hold several volumes, taken or not. */
  several: list(v.strictObject({ path, count }), 200_000),
  /** Images of cases that lie on other voxels than the leading one, taken or not. */
  elsewhere: count,
  /** Cases that DICOM series of one study and frame of reference are, or could be. */
  studies: count,
  /** Files that are numbered like nnU-Net's channels, outside its folders: how many cases of several images they are, and whether they are taken so. */
  numbered: v.strictObject({ cases: count, together: v.boolean() }),
  duplicates: list(v.strictObject({ path, of: text(4096) }), 200_000),
  skipped: list(skippedFile, 200_000),
  aside: files,
  /** What has to be answered first; null where everything is certain. */
  question: v.nullable(text(4000)),
  /** A sentence where the import would fill the disk. */
  space: v.nullable(text(1000)),
});

/** New files in the watched folder, and what of it an import should be planned of. */
const arrival = v.strictObject({ folder: path, files: count, sources: list(path, 10_000) });

const agreement = { label: labelValue, name: text(128), dice: v.nullable(finite), hd95: v.nullable(finite) };

/** A second reader's mask of a case against the one that was accepted here. */
export const reading = v.strictObject({
  id,
  caseId: id,
  caseName: text(512),
  reader: text(256),
  /** Name of the project that it came from. */
  project: text(256),
  madeAt: timestamp,
  /** Of the mask here; null where none is accepted yet. */
  revision: v.nullable(count),
  labels: list(v.strictObject(agreement), 255),
  /** Means over the labels; HD95 in millimetres. */
  dice: v.nullable(finite),
  hd95: v.nullable(finite),
  failure: v.nullable(text(4000)),
});

export const library = defineService({
  methods: {
    /** Finds out what an import would do, and does nothing. Reports progress. The plan is kept until the next few are made, or the project is closed. */
    planImport: {
      input: v.strictObject({
        sources: v.pipe(list(path, 10_000), v.minLength(1)),
        /**
         * Of files and series that hold several volumes: one by its number (from 1), each as a case of one patient, or all as the channels of one
         * case; null: those that a description names, as channels.
         */
        volume: v.optional(v.nullable(v.union([v.pipe(count, v.minValue(1)), v.picklist(['each', 'channels'])])), null),
        /** Images of one case that lie on other voxels lie where their headers say, in one world. */
        sameCoordinates: v.optional(v.boolean(), false),
        /** DICOM series of one study and frame of reference are one case. */
        studies: v.optional(v.boolean(), false),
        /** Files that are numbered like nnU-Net's channels, outside its folders, are images of one case; null: as is most likely. */
        numbered: v.optional(v.nullable(v.boolean()), null),
      }),
      output: importPlan,
    },
    /**
     * Imports files and folders (NIfTI, DICOM series, NRRD, MetaImage, data sets with a dataset.json, folders of image and mask
     * pairs). Reports progress; one bad file never stops the rest. `conflict`, before anything is done, where nothing says what a label of a
     * mask is.
     */
    import: {
      changes: true,
      input: v.strictObject({
        sources: v.pipe(list(path, 10_000), v.minLength(1)),
        mode: v.optional(v.picklist(['copy', 'reference']), 'copy'),
        /** A plan of these sources, to be carried out as it was shown. */
        plan: v.optional(id),
        /** What masks are: the truth, or a beginning to be corrected. */
        masksAre: v.optional(v.picklist(['accepted', 'toCorrect']), 'accepted'),
        /** What labels of the masks become (see `plannedLabel`), by key; those that are not named, as planned. */
        labels: v.optional(list(v.strictObject({ key: text(160), target: v.nullable(text(128)) }), 65_535), []),
        /** Labels (their keys) that have the voxels where several lie, from the front; the others come behind, as planned. */
        overlapOrder: v.optional(list(text(160), 65_535), []),
      }),
      output: v.strictObject({
        added: list(id, 1_000_000),
        masks: count,
        duplicates: count,
        skipped: list(skippedFile, 200_000),
        warnings: list(fileWarning, 100_000),
      }),
    },
    /** What is left outside the project: how many images, how many of them are not reachable, and the folder that holds those (else all). */
    referenced: { input: nothing, output: v.strictObject({ images: count, missing: count, folder: v.nullable(path) }) },
    /**
     * Images that lay in the folder `from` (or were that very file) are read from `to` from now on, each once it was read there and is what was
     * imported. Reports progress. `not-found` where none lay in `from`.
     */
    relink: {
      changes: true,
      input: v.strictObject({ from: path, to: path }),
      output: v.strictObject({ relinked: list(id, 1_000_000), skipped: list(skippedFile, 100_000) }),
    },
    /**
     * Takes the masks of another project (its folder, or a packed one) as second readings of the cases with the same images: beside the masks
     * here, never in their place. Reports progress.
     */
    mergeReadings: {
      changes: true,
      input: v.strictObject({ path, reader: v.optional(text(256)) }),
      output: v.strictObject({
        added: list(id, 1_000_000),
        there: count,
        newLabels: list(text(128), 255),
        skipped: list(v.strictObject({ name: text(512), reason: text(4000) }), 1_000_000),
      }),
    },
    /** Dice and HD95 of every reading, least agreement first, by label over all cases, and means. Reports progress. */
    readings: {
      input: nothing,
      output: v.strictObject({
        cases: list(reading, 100_000),
        labels: list(v.strictObject({ ...agreement, cases: count }), 255),
        dice: v.nullable(finite),
        hd95: v.nullable(finite),
      }),
    },
    /** Makes a reading its case's next revision. `conflict` while the case is open or its correction is not accepted. */
    takeReading: { changes: true, input: v.strictObject({ readingId: id }), output: v.strictObject({ caseId: id }) },
    /** The folder that is watched for new files, or null. */
    watched: { input: nothing, output: v.strictObject({ folder: v.nullable(path), arrived: v.nullable(arrival) }) },
    /** Watches another folder, or none. */
    watch: { changes: true, input: v.strictObject({ folder: v.nullable(path) }), output: nothing },
    /** What arrived was looked at: these files are not told of again. */
    arrivalSeen: { changes: true, input: nothing, output: nothing },
    list: {
      input: v.strictObject({
        /** Matches name and notes, without regard to case. */
        text: v.optional(text(512), ''),
        statuses: v.optional(list(caseStatus, 5)),
        heldOut: v.optional(v.boolean()),
        sort: v.optional(v.picklist(['rank', 'name', 'status', 'updatedAt', 'uncertainty']), 'name'),
        descending: v.optional(v.boolean(), false),
        offset: v.optional(count, 0),
        limit: v.optional(v.pipe(count, v.minValue(1), v.maxValue(1000)), 200),
      }),
      output: v.strictObject({ total: count, cases: list(caseRow, 1000) }),
    },
    get: { input: v.strictObject({ caseId: id }), output: v.strictObject({ case: caseRow, events: list(caseEvent, 500) }) },
    update: {
      changes: true,
      input: v.strictObject({
        caseIds: v.pipe(list(id, 10_000), v.minLength(1)),
        /** What is accepted is a mask: see `document.accept`. `unlabelled`, said of an excluded case, makes it what it was before. */
        status: v.optional(v.picklist(['unlabelled', 'predicted', 'inCorrection', 'excluded'])),
        notes: v.optional(text(4000)),
        heldOut: v.optional(v.boolean()),
      }),
      output: v.strictObject({ cases: list(caseRow, 10_000) }),
    },
    /** What removing cases for good would do (with `patients`: all cases of the same patients); does nothing. */
    planRemoval: { input: removal, output: removalPlan },
    /**
     * Removes cases for good: image copies, masks with all revisions and journals, predictions, thumbnails, what is prepared of them, what the trail and
     * the backups tell of them. All or nothing, also where the program ends meanwhile. Referenced originals and files that were exported stay.
     * `conflict` while a job runs.
     */
    remove: { changes: true, input: removal, output: removalPlan },
    /** The middle slice, row by row from the top left, one byte a pixel; null where none could be made. */
    thumbnail: {
      input: v.strictObject({ caseId: id }),
      output: v.nullable(v.strictObject({ width: count, height: count, gray: bytes })),
    },
    /** The case to label next and the reason in a sentence; null when nothing is left. */
    next: {
      input: v.strictObject({
        strategy: v.optional(v.picklist(['suggested', 'uncertainty', 'diversity', 'random']), 'suggested'),
        /** The case at hand: what comes after it is asked for. */
        except: v.optional(id),
      }),
      output: v.strictObject({ suggestion: v.nullable(v.strictObject({ caseId: id, reason: text(1000) })) }),
    },
  },
  events: {
    /** These rows changed; null: read the list again. */
    changed: v.strictObject({ caseIds: v.nullable(list(id, 10_000)) }),
    imported: nothing,
    /** The watched folder has new files and is quiet; null: nothing new any more, or no folder is watched. */
    arrived: v.strictObject({ arrived: v.nullable(arrival) }),
  },
});
