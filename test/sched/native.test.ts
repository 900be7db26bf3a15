import { onNative } from '../support/backends';
import { conformance } from './conformance';
import { contexts } from './contexts';

onNative();
conformance('native').run();
contexts('native').run();
