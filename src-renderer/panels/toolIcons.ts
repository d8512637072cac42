import Blend from '@lucide/svelte/icons/blend';
import Brush from '@lucide/svelte/icons/brush';
import Crosshair from '@lucide/svelte/icons/crosshair';
import Copy from '@lucide/svelte/icons/copy-check';
import Check from '@lucide/svelte/icons/list-checks';
import CircleDot from '@lucide/svelte/icons/circle-dot';
import Angle from '@lucide/svelte/icons/triangle-right';
import Area from '@lucide/svelte/icons/square-dashed';
import Circle from '@lucide/svelte/icons/circle';
import Combine from '@lucide/svelte/icons/combine';
import Contrast from '@lucide/svelte/icons/contrast';
import Eraser from '@lucide/svelte/icons/eraser';
import Expand from '@lucide/svelte/icons/expand';
import Hand from '@lucide/svelte/icons/hand';
import Lasso from '@lucide/svelte/icons/lasso';
import Layers from '@lucide/svelte/icons/layers';
import PaintBucket from '@lucide/svelte/icons/paint-bucket';
import PencilRuler from '@lucide/svelte/icons/ruler';
import Pentagon from '@lucide/svelte/icons/pentagon';
import Rotate3d from '@lucide/svelte/icons/rotate-3d';
import ScanLine from '@lucide/svelte/icons/sun-dim';
import Scissors from '@lucide/svelte/icons/scissors';
import Sprout from '@lucide/svelte/icons/sprout';
import Sparkles from '@lucide/svelte/icons/sparkles';
import Star from '@lucide/svelte/icons/crown';
import Trash from '@lucide/svelte/icons/grid-2x2-x';
import Wand from '@lucide/svelte/icons/wand';
import Pipette from '@lucide/svelte/icons/pipette';
import Waves from '@lucide/svelte/icons/waves';
import ZoomIn from '@lucide/svelte/icons/zoom-in';
import type { Component } from 'svelte';

/** A picture for every tool of the registry; a test checks that none is missing. */
export const toolIcons: Readonly<Record<string, Component<Record<string, unknown>>>> = {
  crosshair: Crosshair,
  window: Contrast,
  pan: Hand,
  zoom: ZoomIn,
  oblique: Rotate3d,
  ruler: PencilRuler,
  sampleRange: Pipette,
  brush: Brush,
  eraser: Eraser,
  thresholdBrush: ScanLine,
  polygon: Pentagon,
  lasso: Lasso,
  fill: PaintBucket,
  prompts: Sparkles,
  regionGrow: Wand,
  growFromSeeds: Sprout,
  interpolate: Layers,
  keepLargest: Star,
  removeSmall: Trash,
  fillHoles: CircleDot,
  smooth: Waves,
  grow: Expand,
  scissors: Scissors,
  hollow: Circle,
  angle: Angle,
  area: Area,
  boolean: Combine,
  copyPrediction: Copy,
  doneHere: Check,
  difference: Blend,
} as unknown as Record<string, Component<Record<string, unknown>>>;
