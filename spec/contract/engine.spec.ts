// Goal: all engines behind the port behave alike. Method: one contract, run over each engine that is to be had here.
import { describe } from '@jest/globals';
import { describeEngine, engines } from '../support/engines.js';
import { engineContract } from './engine-contract.js';

describe('Engine', () => {
  for (const engine of engines) describeEngine(engine, () => engineContract(engine));
});
