"""workspace/didChangeConfiguration, didChangeWatchedFiles, didChangeWorkspaceFolders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from squill.globs import stays_inside
from squill_lsp.handlers.documents import warm_up

if TYPE_CHECKING:
    from squill_lsp.server import SquillServer

_SECTION = "squill"
_SETTINGS_FILES = ("squill.toml", "pyproject.toml")
_WATCHERS = "squill-schema-files"


def register(server: SquillServer) -> None:
    server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(did_change_configuration)
    server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)(did_change_watched_files)
    server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)(did_change_workspace_folders)


def did_change_configuration(ls: SquillServer, params: types.DidChangeConfigurationParams) -> None:
    if not ls.can("workspace.configuration"):
        ls.apply_settings(params.settings)
    ls.spawn(_settle_again(ls))


def did_change_watched_files(ls: SquillServer, params: types.DidChangeWatchedFilesParams) -> None:
    ls.files.expire()
    if any(change.uri.endswith(_SETTINGS_FILES) for change in params.changes):
        ls.apply_settings(ls.editor_settings)
    warm_up(ls, ls.last_document)


def did_change_workspace_folders(
    ls: SquillServer, _: types.DidChangeWorkspaceFoldersParams
) -> None:
    ls.files.set_folders(ls.folders(), trusted=ls.trusted)


async def _settle_again(ls: SquillServer) -> None:
    """The tables, and what the editor is told of them, may be others with the new settings."""
    await settle(ls)
    warm_up(ls, ls.last_document)


async def settle(ls: SquillServer) -> None:
    """Take up the editor's present settings, and have it watch what they name."""
    if ls.can("workspace.configuration"):
        await _pull_settings(ls)
    if ls.can("workspace.did_change_watched_files.dynamic_registration"):
        await _watch_files(ls)


async def _pull_settings(ls: SquillServer) -> None:
    """Where the editor has none, those that it gave at its start stay."""
    items = [types.ConfigurationItem(section=_SECTION)]
    try:
        answers = await ls.workspace_configuration_async(types.ConfigurationParams(items))
    except JsonRpcException as error:
        ls.log(f"The editor gave no settings ({error}); those of its start are used.")
        return
    if answers and answers[0]:
        ls.apply_settings(answers[0])


async def _watch_files(ls: SquillServer) -> None:
    """Registers the globs of the settings, in place of those registered before."""
    # A pattern that leaves the folder would have the editor watch the rest of the disk.
    inside = (glob for glob in ls.settings.workspace.schema_files if stays_inside(glob))
    globs = (*inside, *(f"**/{name}" for name in _SETTINGS_FILES))
    if globs == ls.watched:
        return
    method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
    options = types.DidChangeWatchedFilesRegistrationOptions(
        [types.FileSystemWatcher(glob) for glob in globs]
    )
    before, ls.watched = ls.watched, globs
    try:
        if before:
            unregistration = types.Unregistration(_WATCHERS, method)
            await ls.client_unregister_capability_async(
                types.UnregistrationParams([unregistration])
            )
        registration = types.Registration(_WATCHERS, method, options)
        await ls.client_register_capability_async(types.RegistrationParams([registration]))
    except JsonRpcException as error:
        ls.log(f"The editor watches no files ({error}); changes are seen on saving.")
