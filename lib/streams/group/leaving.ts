/** Thrown to unwind the work on a shard that is to be given up: nothing is wrong, and what is not done is delivered by its next owner. */
export class Leaving extends Error {
  constructor() {
    super('the shard is given up');
  }
}
