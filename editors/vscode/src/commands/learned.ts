import { showPage } from "../panel";
import { COMMANDS, learnedBody } from "../pages/learned";
import type { Session } from "../session";
import { workspaceOfEditor } from "./place";

export async function showLearned(session: Session): Promise<void> {
  showPage("What Squill Learned", learnedBody(await session.execute("squill.learned", workspaceOfEditor(session))), COMMANDS);
}
