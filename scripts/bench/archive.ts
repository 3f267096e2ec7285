/** A large state for the snapshot cases, and what moves it. */
import { type Landing, landing } from './flights.js';

/** A large state: flights on shelves, as one would keep records by a key. */
export interface Archive {
  readonly shelves: readonly (readonly Landing[])[];
  /** Moved by an event that adds nothing, so that the next snapshot has something to write. */
  readonly visits: number;
}

/** `add` makes it larger by a shelf. */
export type ArchiveEvent = 'add' | 'visit';

const flightsPerShelf = 1_000;

/** A pure function of its arguments: the records of a shelf follow from its number. */
export function arrange(archive: Archive, event: ArchiveEvent): Archive {
  if (event === 'visit') return { ...archive, visits: archive.visits + 1 };
  const from = archive.shelves.length * flightsPerShelf;
  const shelf = Array.from({ length: flightsPerShelf }, (_, at) => landing(from + at));
  return { ...archive, shelves: [...archive.shelves, shelf] };
}
