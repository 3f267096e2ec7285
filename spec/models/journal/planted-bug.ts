/**
 * What planted bugs are made of: settings with what their bugs need and little else, so that they show soon; and stories
 * that rare schedules begin with.
 */
import type { Protocol } from './protocol.js';
import type { Bias } from './walk.js';
import type { Setting } from './world.js';

export interface PlantedBug {
  /** Completes the sentence "finds ...". */
  readonly name: string;
  readonly setting: Setting;
  readonly protocol: Protocol;
  /** What may be noticed first. */
  readonly violations: readonly string[];
  /** Whether the end of a schedule counts: what comes to light only at rest. */
  readonly rests?: boolean;
  /** What has to happen more often than usual to show it soon. */
  readonly bias?: Bias;
  /** What a rare schedule begins with. */
  readonly opening?: readonly string[];
}

export const spilling: Setting = {
  writers: [
    ['.', '.', '.', '.', '.', '.'],
    ['.', '.', '.', '.', '.'],
  ],
  losses: 4,
  crashes: 1,
};
export const bodies: Setting = {
  writers: [
    ['.', '*.', '*.', '*.', '*.'],
    ['.', '.', '.'],
  ],
  losses: 3,
  crashes: 0,
};
export const claims: Setting = {
  writers: [
    ['+x .', '*-x .', '*+x .', '-x'],
    ['+x', '-x .', '+x', '-x'],
  ],
  losses: 0,
  crashes: 1,
};
export const snapshots: Setting = {
  writers: [
    ['.', '.', '.', '.', '.', '.'],
    ['.', '.', '.'],
  ],
  snapshotters: 2,
  snapshots: 3,
  prunes: 3,
  losses: 3,
  crashes: 1,
};
export const pruning: Setting = {
  ...snapshots,
  writers: [
    ['.', '*.', '*.', '*.', '*.', '*.'],
    ['.', '*.', '.', '.'],
  ],
};
export const reading: Setting = { ...pruning, readers: 2, reads: 4, follows: 8, crashes: 0, losses: 4 };

/** For what is rare, and begins with an `opening`. */
export const plain: Setting = { ...snapshots, snapshotters: 1, crashes: 0 };
export const story: Setting = { ...pruning, snapshotters: 1, crashes: 0 };

/** A writer's next batch, committed with nothing in between. */
export function commits(writer: string, batch: number, base: number, body = false): string[] {
  const swap = `swap ${batch} on ${base}`;
  const bodies = body ? [`${writer} puts body ${batch}`] : [];
  return [`${writer} is called`, ...bodies, `${writer} sends ${swap}`, `${writer}'s ${swap}`, `${writer} learns`];
}

/** The first snapshot, which takes `reads` requests to fold up to the head. */
export function snapshot(reads: number): string[] {
  return [
    'S2.0 starts',
    ...Array.from({ length: reads }, () => 'S2.1 reads'),
    'S2.1 begins',
    'S2.1 puts part 0',
    'S2.1 makes room',
    'S2.1 puts part 1',
    'S2.1 moves',
  ];
}

/** B folds up to place 2 while A, which wrote that, goes on. */
export const behind: readonly string[] = [
  'B1 is called',
  'B1 sends swap 1 on 0',
  'B1 learns that swap 1 lost the race',
];

/** One page, trimmed, with a snapshot after it. */
export const onePage: readonly string[] = [
  ...commits('A1', 1, 0),
  ...commits('A1', 2, 1, true),
  'A1 puts page 0',
  ...commits('A1', 3, 2, true),
  ...snapshot(5),
];
