import { jsBackend } from '../../lib/backend/select';
import { onFallback } from '../support/backends';
import { conformance } from './conformance';
import { conformanceLimits } from './conformance-limits';

onFallback();
conformance('fallback', jsBackend()).run();
conformanceLimits('fallback', jsBackend()).run();
