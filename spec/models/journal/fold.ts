/**
 * The application of the model: a handler that takes and gives back names, and folds commits into states.
 *
 * `A1a+x` is refused while x is taken, `A1a-x` while it is not, all others never. So a refusal can be right on one state
 * and wrong on the next, and on the next again.
 */
import { noteWriter } from '../../../lib/journal/protocol.js';
import type { Commit, Event, Fold } from './shapes.js';

export function refuses(state: string, event: Event): boolean {
  const sign = event.at(-2);
  if (sign !== '+' && sign !== '-') return false;
  const name = event.at(-1);
  const isTaken = state.lastIndexOf(`+${name};`) > state.lastIndexOf(`-${name};`);
  return (sign === '+') === isTaken;
}

/** What of `events` the handler accepts, one after another on `state`. */
export function decide(
  state: string,
  events: readonly Event[],
): { accepted: Event[]; refused: Event[]; state: string } {
  const accepted: Event[] = [];
  const refused: Event[] = [];
  let after = state;
  for (const event of events) {
    if (refuses(after, event)) refused.push(event);
    else {
      accepted.push(event);
      after += `${event};`;
    }
  }
  return { accepted, refused, state: after };
}

/** The fold after `commit`, whose batch has these events. */
export function apply(fold: Fold, commit: Commit, events: readonly Event[]): Fold {
  let { state, seq } = fold;
  events.forEach((event, index) => {
    if (commit.skip.includes(index)) return;
    state += `${event};`;
    seq += 1;
  });
  const writers = new Map(fold.writers);
  noteWriter(writers, commit);
  return { place: commit.place, seq, state, writers };
}
