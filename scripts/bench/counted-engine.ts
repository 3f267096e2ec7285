/** The engine on the SDK that also counts what its puts came to. */
import { type PutRequest, SdkEngine, type SendOptions, type WriteAnswer } from '../../lib/engine/index.js';
import type { Counts } from './sample.js';

export class CountedEngine extends SdkEngine {
  #commits = 0;

  override async put(request: PutRequest, options?: SendOptions): Promise<WriteAnswer> {
    const answer = await super.put(request, options);
    if (answer.status === 'applied') this.#commits += 1;
    return answer;
  }

  counts(): Counts {
    const { requests, readUnits, writeUnits, conditionsFailed } = this.spent();
    return { requests, readUnits, writeUnits, failedPuts: conditionsFailed, commits: this.#commits };
  }
}
