"""What the gateway refuses. Status and code live in the class, the docstring is the default message."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from minirag_contracts.errors import Refusal


class GatewayRefusal(Refusal):
    """The request was refused."""


class NotAuthenticated(GatewayRefusal):
    """Not authenticated"""

    status = HTTPStatus.UNAUTHORIZED
    code = "not_authenticated"


class InvalidJwt(NotAuthenticated):
    """Invalid or expired JWT"""

    code = "invalid_jwt"


class InvalidApiToken(NotAuthenticated):
    """Invalid or revoked API token"""

    code = "invalid_token"


class ApiTokenExpired(NotAuthenticated):
    """API token has expired"""

    code = "token_expired"


class AccountDisabled(NotAuthenticated):
    """Token owner account is disabled"""

    code = "account_disabled"


class TenantDisabled(GatewayRefusal):
    """Tenant is disabled"""

    status = HTTPStatus.FORBIDDEN
    code = "tenant_disabled"


class Forbidden(GatewayRefusal):
    """Only owners and admins may do this"""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class OwnersOnly(Forbidden):
    """Only owners may grant the role owner or change an owner's account"""

    code = "owners_only"


class LastOwner(GatewayRefusal):
    """A tenant keeps at least one active owner: make somebody else an owner first"""

    status = HTTPStatus.CONFLICT
    code = "last_owner"


class TenantNotFound(GatewayRefusal):
    """Tenant not found"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class TenantIsErased(GatewayRefusal):
    """The tenant is erased, and nothing of it can come back."""

    status = HTTPStatus.CONFLICT
    code = "tenant_erased"


class UserNotFound(GatewayRefusal):
    """User not found"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class TokenNotFound(GatewayRefusal):
    """Token not found"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class EmbedKeyNotFound(GatewayRefusal):
    """Embed key not found"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class EmailTaken(GatewayRefusal):
    """A user with this email already exists in this tenant"""

    status = HTTPStatus.CONFLICT
    code = "email_taken"


class InvalidLogin(NotAuthenticated):
    """Invalid email or password"""

    code = "invalid_login"


class LoginDisabled(GatewayRefusal):
    """Account is disabled"""

    status = HTTPStatus.FORBIDDEN
    code = "account_disabled"


class AmbiguousLogin(GatewayRefusal):
    """This email belongs to accounts in several tenants: say which one with tenant_slug"""

    status = HTTPStatus.CONFLICT
    code = "ambiguous_login"


class MalformedJwt(NotAuthenticated):
    """Malformed JWT payload"""

    code = "malformed_jwt"


class InvalidRefreshToken(NotAuthenticated):
    """Invalid or expired refresh token: please log in again"""

    code = "invalid_refresh_token"


class WrongPassword(GatewayRefusal):
    """The current password is not right"""

    status = HTTPStatus.FORBIDDEN
    code = "wrong_password"


class InvalidReset(GatewayRefusal):
    """This reset link is not valid any more: ask for a new one"""

    status = HTTPStatus.FORBIDDEN
    code = "invalid_reset"


class RateLimited(GatewayRefusal):
    """Too many requests. Please try again later."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limited"

    def __init__(self, detail: str | None, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class SignupClosed(GatewayRefusal):
    """Nobody can sign up here by themselves: ask whoever runs this MiniRAG."""

    status = HTTPStatus.FORBIDDEN
    code = "signup_closed"


class InviteRequired(GatewayRefusal):
    """Signing up here takes an invite: ask whoever runs this MiniRAG for one."""

    status = HTTPStatus.FORBIDDEN
    code = "invite_required"


class InvalidInvite(GatewayRefusal):
    """This invite is unknown, expired, or was used already."""

    status = HTTPStatus.FORBIDDEN
    code = "invalid_invite"


class NotTheOperator(GatewayRefusal):
    """Only the operator of this MiniRAG may do this."""

    status = HTTPStatus.FORBIDDEN
    code = "not_the_operator"


class OriginNotAllowed(GatewayRefusal):
    """Pages of this origin may not call this API."""

    status = HTTPStatus.FORBIDDEN
    code = "origin_not_allowed"


class PageNotServed(OriginNotAllowed):
    """This embed key does not serve pages of this origin"""


class ForeignPage(GatewayRefusal):
    """A browser's session is good on pages of this very address only"""

    status = HTTPStatus.FORBIDDEN
    code = "foreign_page"


class CsrfRefused(GatewayRefusal):
    """The header X-CSRF-Token has to carry the csrf_token of this browser's session: GET /v1/auth/browser tells it"""

    status = HTTPStatus.FORBIDDEN
    code = "csrf_token"


class NoBrowserSession(NotAuthenticated):
    """This browser has no session: log in"""

    code = "no_browser_session"


class OtherBot(Forbidden):
    """This session serves another bot"""

    code = "other_bot"


class BudgetSpent(RateLimited):
    """This chat has answered as many messages as it may today. Please come back tomorrow."""

    code = "budget_spent"

    def __init__(self, retry_after: int) -> None:
        super().__init__(None, retry_after)


class BotUnknown(GatewayRefusal):
    """Bot profile not found or belongs to a different tenant"""

    code = "bot_not_found"


class SlugTaken(GatewayRefusal):
    """The slug is already taken"""

    status = HTTPStatus.CONFLICT
    code = "slug_taken"


class BodyTooLarge(GatewayRefusal):
    """The request body is too large."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"


class BodyTooSlow(GatewayRefusal):
    """The request body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "body_too_slow"


class InvalidBody(GatewayRefusal):
    """The request body does not have the expected form."""

    code = "validation_error"

    def __init__(self, detail: str, errors: list[dict[str, Any]]) -> None:
        super().__init__(detail)
        self.errors = errors


class InvalidIdempotencyKey(GatewayRefusal):
    """An Idempotency-Key has 1 to 255 printable ASCII characters."""

    code = "invalid_idempotency_key"


class InvalidLastEventId(GatewayRefusal):
    """Last-Event-ID must be the id of a frame of this message: `<message_id>.<n>`."""

    code = "invalid_last_event_id"


class InvalidEventType(GatewayRefusal):
    """There is no such event to subscribe to."""

    code = "invalid_event_type"


class UnknownEventType(GatewayRefusal):
    """There is no such event"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class UploadRefused(GatewayRefusal):
    """The upload was refused."""

    code = "upload_refused"


class UnsupportedFileType(UploadRefused):
    """Files of this type cannot be read."""

    code = "unsupported_file_type"


class FileTooLarge(UploadRefused):
    """File too large. Maximum size is 10 MB."""

    code = "file_too_large"


class EmptyFile(UploadRefused):
    """The file is empty."""

    code = "empty_file"


class ArchiveAmongFiles(UploadRefused):
    """An archive becomes a parent of its files, so it is uploaded by itself."""

    code = "archive_among_files"


class ArchiveWithParent(UploadRefused):
    """An archive becomes a parent of its files, so it cannot have one itself."""

    code = "nested_too_deep"


class InvalidMetadata(UploadRefused):
    """Upload-Metadata does not have the expected form."""

    code = "invalid_metadata"


class UploadNotFound(GatewayRefusal):
    """Upload not found"""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class OffsetConflict(GatewayRefusal):
    """The upload is at another offset. Ask for it by HEAD, and go on from there."""

    status = HTTPStatus.CONFLICT
    code = "upload_offset"


class UploadBeingMade(GatewayRefusal):
    """All bytes are there, and a source is being made of them."""

    status = HTTPStatus.CONFLICT
    code = "upload_being_made"


class TooManyUploads(GatewayRefusal):
    """There are too many unfinished uploads. Please finish or end one."""

    status = HTTPStatus.CONFLICT
    code = "too_many_uploads"


class TusVersionUnsupported(GatewayRefusal):
    """The header Tus-Resumable has to say 1.0.0."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "tus_version"


class WrongMediaType(GatewayRefusal):
    """The bytes of an upload are sent as application/offset+octet-stream."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class StorageLow(GatewayRefusal):
    """There is less than 1 GB of free disk space, so nothing new can be ingested until some is freed."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "disk_full"


class UploadFailed(GatewayRefusal):
    """No source could be made of the file."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status  # type: ignore[misc]  # whoever refused it decides, not the class
        self.code = code  # type: ignore[misc]


class MalformedUpload(UploadRefused):
    """The body is not a complete multipart form."""

    code = "malformed_upload"


class TurnFailed(GatewayRefusal):
    """The answer could not be produced."""

    code = "turn_failed"

    def __init__(self, status: int, code: str, detail: str | None, chat_id: UUID, message_id: UUID) -> None:
        super().__init__(detail)
        self.status = status  # type: ignore[misc]  # the failure of the turn decides, not the class
        self.code = code  # type: ignore[misc]
        self.chat_id = chat_id
        self.message_id = message_id


class TurnStillRunning(TurnFailed):
    """The answer is taking longer than this request may wait. It goes on and can be read from the chat."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "turn_still_running"

    def __init__(self, chat_id: UUID, message_id: UUID) -> None:
        super().__init__(self.status, self.code, None, chat_id, message_id)


class StopTakesLong(GatewayRefusal):
    """The answer has not stopped yet. It was told to; please ask again."""

    status = HTTPStatus.CONFLICT
    code = "turn_running"
