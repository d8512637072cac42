import colorMaps from '../../resources/viewer/colorMaps.json' with { type: 'json' };

export type OverlayName = 'mask' | 'prediction' | 'difference' | 'uncertainty' | 'strokes' | 'prompts';

export interface OverlayLook {
  readonly visible: boolean;
  readonly opacity: number;
  readonly outline: number;
}

export const colorMapNames = Object.entries(colorMaps).map(([id, map]) => ({ id, name: map.name }));

/** How images and overlays look, whatever case is open. */
export class Appearance {
  looks = $state<Record<OverlayName, OverlayLook>>({
    mask: { visible: true, opacity: 0.35, outline: 1 },
    prediction: { visible: false, opacity: 0, outline: 1 },
    difference: { visible: false, opacity: 0.7, outline: 0 },
    uncertainty: { visible: false, opacity: 0.75, outline: 0 },
    /** What was not saved and no longer fits. */
    strokes: { visible: true, opacity: 0.6, outline: 1 },
    /** What is proposed for what was pointed out. */
    prompts: { visible: true, opacity: 0.5, outline: 2 },
  });
  colorMap = $state<string>('grey');
  smooth = $state(true);
  /** The 3D view draws the image itself, too. */
  volumeShown = $state(false);

  setLook(name: OverlayName, change: Partial<OverlayLook>): void {
    this.looks[name] = { ...this.looks[name], ...change };
  }
}
