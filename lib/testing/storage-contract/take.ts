/** The next changes of a system. */
import type { Change } from '../../prevalence/index.js';

export async function take<E>(changes: AsyncGenerator<Change<E>, void>, count: number): Promise<Change<E>[]> {
  const taken: Change<E>[] = [];
  while (taken.length < count) {
    const { value, done } = await changes.next();
    if (done) throw new Error(`the changes ended after ${taken.length}`);
    taken.push(value);
  }
  return taken;
}
