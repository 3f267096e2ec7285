// Goal and method: those of sealed.spec.ts, for a bucket.
import { registerBench } from '../s3/s3-place.js';
import { describeSealed } from './sealed-checks.js';
import { bucketPlace } from './sealed-places.js';

const bench = registerBench();
describeSealed({ where: 'a bucket', placeOf: async () => bucketPlace(bench()), step: 401, keptUnder: '' });
