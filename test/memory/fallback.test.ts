// tailrace/memory on the JavaScript fallback.

import { onFallback } from '../support/backends';
import { conformance } from './conformance';
import { misuse } from './misuse';

onFallback();
conformance('fallback').run();
misuse('fallback').run();
