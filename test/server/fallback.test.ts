import { jsBackend } from '../../lib/backend/select';
import { conformance } from './conformance';
import { conformanceLimits } from './conformance-limits';

conformance('fallback', jsBackend());
conformanceLimits('fallback', jsBackend());
