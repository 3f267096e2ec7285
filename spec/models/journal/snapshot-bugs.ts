/** Mistakes of those who make snapshots. */
import { violations } from './ledger.js';
import { type PlantedBug, snapshots } from './planted-bug.js';
import { planted, shipped } from './protocol.js';

const { part, pointer, backwards, garbage } = violations;

export const snapshotBugs: readonly PlantedBug[] = [
  {
    name: 'the missing part when the pointer moves before all parts are stored',
    setting: snapshots,
    protocol: planted({ awaitsParts: false }),
    violations: [part],
  },
  {
    name: 'the pointer that moves back when a stale snapshot moves it',
    setting: snapshots,
    protocol: planted({
      movePointer: (snap, entry) => {
        const kept = snap.kept.filter(({ place }) => place < entry.place);
        const moved = shipped.movePointer({ ...snap, kept }, entry);
        return typeof moved === 'string' ? moved : { ...moved, kept: [...snap.kept, entry] };
      },
    }),
    violations: [backwards, pointer],
  },
  {
    name: 'the skipped page when a snapshot takes it from a later head',
    setting: snapshots,
    protocol: planted({
      entryOf: (id, image, newer) => ({ ...shipped.entryOf(id, image, image), page: newer.pages }),
    }),
    violations: [pointer],
  },
  {
    name: 'the deleted part when snapshots are named by their places',
    setting: snapshots,
    protocol: planted({ snapshotId: (_owner, _attempt, place) => `at${place}` }),
    violations: [part],
  },
  {
    name: 'the deleted part when the pointer moves to a snapshot that was given up',
    setting: snapshots,
    protocol: planted({
      movePointer: (snap, entry) => shipped.movePointer({ ...snap, making: [...snap.making, entry] }, entry),
    }),
    violations: [part],
  },
  {
    name: 'the missing part when a snapshot that was given up grows on',
    setting: snapshots,
    protocol: planted({
      grow: (snap, made) => shipped.grow({ ...snap, making: [...snap.making, made] }, made),
    }),
    violations: [part],
  },
  {
    name: 'the forgotten part when it is put before the pointer knows of it',
    setting: { ...snapshots, crashes: 3 },
    protocol: planted({ growsFirst: false }),
    violations: [garbage],
    rests: true,
  },
];
