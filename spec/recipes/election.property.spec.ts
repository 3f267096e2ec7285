/**
 * Goal: in each term one leader speaks, terms only grow, and nobody is forgotten. Method: all states of a small world are visited, by the very
 * functions that run on the item: four candidates, each of which may ask, give up, die or proclaim at any moment, also long after its term.
 */
import { describe, expect, it } from '@jest/globals';
import {
  type ElectionState,
  isNews,
  leaderOf,
  noElection,
  observedOf,
  proclaimed,
} from '../../lib/recipes/election/election-state.js';
import { evict, request, withdraw } from '../../lib/recipes/lock/lock-state.js';

type State = ElectionState<string>;
const names = ['a', 'b', 'c', 'd'];
const claimOf = (name: string) => ({ nonce: name, session: `s-${name}`, host: 'h', pid: 1, value: `${name}0` });

/** All that an observer can tell apart. */
function told(state: State): string {
  const { term, leader, value } = observedOf(state);
  return [term, leader?.session, value, state.owner?.edition].join();
}

/** Each candidate stands once: a nonce names one call. */
interface World {
  readonly state: State;
  readonly stood: readonly string[];
}

/** What can happen next. */
function* next({ state, stood }: World): Generator<World> {
  for (const name of names) {
    if (!stood.includes(name)) yield { state: request(state, claimOf(name), 9, 0), stood: [...stood, name] };
    yield { state: withdraw(state, name, 0), stood };
    yield { state: evict(state, (session) => session === `s-${name}`, 0), stood };
    if ((state.owner?.edition ?? 0) < 2) yield { state: proclaimed(state, name, `${name}1`), stood };
  }
}

/** What is wrong with a step. */
function* complaints(before: State, now: State): Generator<string> {
  const [was, is] = [leaderOf(before), leaderOf(now)];
  const isSame = before.owner?.nonce === now.owner?.nonce;
  if (now.fence < before.fence) yield 'a term goes back';
  if (now.owner === null && now.queue.length > 0) yield 'somebody waits while nobody leads';
  if (is !== undefined && is.value?.[0] !== now.owner?.nonce) yield 'a leader has the voice of another';
  if (is !== undefined && now.fence !== before.fence + (isSame ? 0 : 1)) yield 'a new leader has no new term';
  if (was !== undefined && was.term === is?.term && was.session !== is.session) yield 'two lead in one term';
  if (isNews(before, now) !== (told(before) !== told(now))) yield 'an observer is not told, or for nothing';
  if (now.fence > before.fence && isNews(now, before)) yield 'an observer is told of a term that is over';
}

describe('an election', () => {
  it('has one leader and one voice in each term, and no candidate waits while nobody leads', () => {
    const seen = new Set<string>();
    const wrong: string[] = [];
    const open: World[] = [{ state: noElection(), stood: [] }];
    let steps = 0;
    for (let world = open.pop(); world !== undefined; world = open.pop()) {
      for (const after of next(world)) {
        steps += 1;
        for (const why of complaints(world.state, after.state)) wrong.push(`${why}: ${JSON.stringify([world, after])}`);
        const key = JSON.stringify(after);
        if (seen.has(key)) continue;
        seen.add(key);
        open.push(after);
      }
    }
    expect(wrong.slice(0, 3)).toEqual([]);
    expect([seen.size, steps]).toEqual([2_261, 25_360]);
  });
});
