/**
 * Named sets of fault rules. The first ten are those under which atoms are held to be linearizable; the others are for
 * questions of their own. `rate` is the share of requests that are disturbed.
 */
import type { FaultKind, FaultRule } from './fault-rules.js';

/** The ten profiles of the linearizability runs, in the order of the report. */
export const faultProfiles = [
  'reset-before',
  'reset-after',
  'cut-body',
  'duplicate',
  'late',
  '5xx-before',
  '5xx-after',
  'throttle',
  'delay',
  'all-mixed',
] as const;

/** A named set of rules. `calm` disturbs nothing. */
export type FaultProfile =
  | (typeof faultProfiles)[number]
  | 'calm'
  | 'close'
  | 'swallow'
  | 'conflict'
  | 'stale-reads'
  | 'altered';

const alone = (fault: FaultKind, probability: number): readonly FaultRule[] => [{ fault, probability }];

/** Of objects alone: bodies that arrive as others than they were sent. */
const alterations = (rate: number): readonly FaultRule[] => [
  { fault: 'alter-body', probability: rate / 2 },
  { fault: 'shorten-body', probability: rate / (2 - rate) },
  { fault: 'alter-request', probability: rate },
];

/** What `all-mixed` mixes. `swallow` is not in it: it needs a client with a time limit. */
const mixed: readonly FaultKind[] = [
  'reset-before',
  'reset-after',
  'close-before',
  'close-after',
  'cut-body',
  'duplicate',
  'late',
  '5xx-before',
  '5xx-after',
  'throttle',
  'conflict',
  'delay',
];

/**
 * The rules of a profile. In `all-mixed` the kinds share `rate` evenly, every read that is not consistent may be stale, and objects of S3
 * may be altered on their way.
 */
export function faultRules(profile: FaultProfile, rate = 0.1): readonly FaultRule[] {
  switch (profile) {
    case 'calm':
      return [];
    case 'close':
      return [
        { fault: 'close-before', probability: rate / 2 },
        { fault: 'close-after', probability: rate / (2 - rate) },
      ];
    case 'swallow':
      return [
        { fault: 'swallow-before', probability: rate / 2 },
        { fault: 'swallow-after', probability: rate / (2 - rate) },
      ];
    case 'altered':
      return alterations(rate);
    case 'stale-reads':
      return [{ fault: 'stale', probability: rate }];
    case 'all-mixed': {
      const share = rate / mixed.length;
      // Rules are tried one after the other, so each one's chance is taken from what its predecessors left.
      const rules = mixed.map((fault, index): FaultRule => ({ fault, probability: share / (1 - share * index) }));
      return [...rules, { fault: 'stale', probability: 0.5 }, ...alterations(share)];
    }
    default:
      return alone(profile, rate);
  }
}
