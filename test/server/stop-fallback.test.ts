// @timeout 180
import { stopSteps } from './stop-steps';

stopSteps('js').run();
