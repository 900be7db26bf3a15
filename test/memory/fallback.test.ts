// tailrace/memory on the JavaScript fallback.

import { onFallback } from '../support/backends';
import { conformance } from './conformance';

onFallback();
conformance('fallback').run();
