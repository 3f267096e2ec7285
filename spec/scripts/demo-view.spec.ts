/** Goal: the arithmetic by which the streams' job proves that no change is missing, there twice, or late. */
import { describe, expect, it } from '@jest/globals';
import { compareView, countChange, emptyView } from '../../scripts/demo/streams/view.js';

describe('a view', () => {
  const tally = (flights: number, delay: number, worst: number) => ({ flights, delay, worst });
  const first = { version: 1, previous: undefined, value: tally(10, -5, 3) };
  const second = { version: 2, previous: tally(10, -5, 3), value: tally(15, 40, 9) };
  const atom = { version: 2, ...tally(15, 40, 9) };

  it('equals its atom when every change is in it once', () => {
    const view = [first, second].reduce(countChange, emptyView);
    expect(view).toEqual({ version: 2, changes: 2, again: 0, ...tally(15, 40, 9) });
    expect(compareView('summary', view, atom)).toEqual([]);
  });

  it.each([
    ['missing', [second], '1 changes are in the view, the atom has 2 versions'],
    ['there twice', [first, second, second], '1 changes are in the view again'],
    ['late', [second, first], '1 changes are in the view again'],
  ])('differs when a change is %s', (_, changes, difference) => {
    expect(compareView('summary', changes.reduce(countChange, emptyView), atom)).toContain(`summary: ${difference}`);
  });
});
