/** Kinds of runs of a group, by name, with all that their size does not say. */
import { type GroupRunOptions, lossyRules } from './group-run.js';

export type GroupPlanName = 'plain' | 'transact' | 'lossy' | 'engine';
type Plan = (writes: number) => Omit<GroupRunOptions, 'seed'>;

const consumers = 4;
const writesPerSecond = 200;
/** One trouble about a second, and calm for the last fifth of the writing. */
const troublesOf = (writes: number): number => Math.round((0.8 * writes) / writesPerSecond);

const plans: Readonly<Record<GroupPlanName, Plan>> = {
  /** Consumers that are killed, stopped and cut off; handlers that only take note. */
  plain: (writes) => ({ mode: 'plain', consumers, writes, writesPerSecond, troubles: troublesOf(writes) }),
  /** The same; handlers that make a view of the table. */
  transact: (writes) => ({ mode: 'transact', consumers, writes, writesPerSecond, troubles: troublesOf(writes) }),
  /** Answers get lost at every kind of request. */
  lossy: (writes) => ({ mode: 'transact', consumers: 3, writes, writesPerSecond: 100, faults: { rules: lossyRules } }),
  /** The engine is killed, and is down for less than a lease. */
  engine: (writes) => ({
    mode: 'plain',
    consumers: 3,
    writes,
    writesPerSecond: 150,
    leaseMs: 40_000,
    beatMs: 1_000,
    downMs: 5_000,
  }),
};

export function groupPlan(name: GroupPlanName, writes: number): Omit<GroupRunOptions, 'seed'> {
  return plans[name](writes);
}
