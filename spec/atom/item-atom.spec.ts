// Goal: an atom behaves alike on every engine. Method: one contract, run over each engine that is to be had here.
import { describe } from '@jest/globals';
import { atomContract } from '../contract/atom-contract.js';
import { describeEngine, engines } from '../support/engines.js';

describe('ItemAtom', () => {
  for (const engine of engines) describeEngine(engine, () => atomContract(engine));
});
