import { asStored, type IntensityScale } from '#shared/domain/caseImages.ts';
import type { DicomSeries } from '../types.ts';
import type { DicomDataset } from './dataset.ts';

/** What a series is, as its first picture says: nothing about the person but what PET values are related to. */
export function seriesOf(dataset: DicomDataset): DicomSeries {
  const modality = dataset.string('Modality').trim();
  const described = {
    modality,
    description: dataset
      .string('SeriesDescription')
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, 64),
  };
  return modality === 'PT' ? { ...described, ...uptakeOf(dataset) } : { ...described, scale: asStored, remark: null };
}

/**
 * The factor from what is stored (Bq/ml) to the standardised uptake value by body weight: weight in grams over the injected dose, decayed to the time
 * that the pictures were corrected to.
 */
function uptakeOf(dataset: DicomDataset): { readonly scale: IntensityScale; readonly remark: string } {
  const without = (reason: string) => ({ scale: asStored, remark: `PET is shown as it is stored, not as SUV: ${reason}.` });
  const units = dataset.string('Units').trim();
  if (units === 'GML') {
    const kind = dataset.string('SUVType').trim();
    if (kind !== '' && kind !== 'BW') return without(`it is SUV by something else than body weight (${kind})`);
    return { scale: { factor: 1, unit }, remark: 'PET is stored as SUV by body weight.' };
  }
  if (units !== 'BQML') return without(units === '' ? 'its header does not say its unit' : `its unit is ${units}, not Bq/ml`);
  const tracer = dataset.item('RadiopharmaceuticalInformationSequence');
  const weight = dataset.number('PatientWeight', 0);
  const dose = tracer?.number('RadionuclideTotalDose', 0) ?? 0;
  const halfLife = tracer?.number('RadionuclideHalfLife', 0) ?? 0;
  if (!(weight > 0)) return without('its header lacks the body weight');
  if (!(dose > 0)) return without('its header lacks the injected dose');
  const correction = dataset.string('DecayCorrection').trim();
  if (correction !== 'START' && correction !== 'ADMIN')
    return without('its header does not say that decay was corrected for, or from when on');
  let minutes = 0;
  if (correction === 'START') {
    const waited = secondsBetween(dataset, tracer);
    if (waited === null) return without('its header lacks the time of the injection or of the scan');
    if (!(halfLife > 0)) return without('its header lacks the half-life');
    minutes = waited / 60;
  }
  const left = correction === 'ADMIN' ? dose : dose * 2 ** ((-60 * minutes) / halfLife);
  const when = correction === 'ADMIN' ? 'decay corrected to the injection' : `${minutes.toFixed(0)} min before the scan`;
  return {
    scale: { factor: (1000 * weight) / left, unit },
    remark: `PET is read as SUV by body weight: ${String(weight)} kg, ${(dose / 1e6).toFixed(0)} MBq, ${when}.`,
  };
}

const unit = 'SUVbw';
const day = 24 * 3600;

/** From the injection to the scan; null where a time is missing. Without dates the scan is on the day of the injection, or the next. */
function secondsBetween(dataset: DicomDataset, tracer: DicomDataset | undefined): number | null {
  const scan = secondsOf(dataset.string('SeriesTime')) ?? secondsOf(dataset.string('AcquisitionTime'));
  const [, date, time] = /^(\d{8})(\d{2,6}(?:\.\d+)?)/.exec(tracer?.string('RadiopharmaceuticalStartDateTime') ?? '') ?? [];
  const injected = secondsOf(time ?? tracer?.string('RadiopharmaceuticalStartTime') ?? '');
  if (scan === null || injected === null) return null;
  const dated = daysBetween(date, dataset.string('SeriesDate') || dataset.string('StudyDate'));
  const waited = dated === null ? (scan - injected + day) % day : dated * day + scan - injected;
  return waited >= 0 && waited < 2 * day ? waited : null;
}

/** HHMMSS.FFF, shortened from the end. */
function secondsOf(time: string): number | null {
  const [, hours, minutes = '0', seconds = '0'] = /^(\d{2}):?(\d{2})?:?(\d{2}(?:\.\d+)?)?/.exec(time.trim()) ?? [];
  return hours === undefined ? null : Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

function daysBetween(from: string | undefined, to: string): number | null {
  const dayOf = (text: string | undefined): number =>
    Date.UTC(Number(text?.slice(0, 4)), Number(text?.slice(4, 6)) - 1, Number(text?.slice(6, 8))) / (day * 1000);
  const days = dayOf(to) - dayOf(from);
  return Number.isFinite(days) ? Math.round(days) : null;
}
