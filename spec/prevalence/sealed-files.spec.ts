// Goal and method: those of sealed.spec.ts, for a directory.
import { describeSealed } from './sealed-checks.js';
import { filePlace } from './sealed-places.js';

describeSealed({ where: 'a directory', placeOf: () => filePlace(), step: 401 });
