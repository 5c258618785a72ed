"""How GitHub words an author's relation to a repository. No authority: private members look like strangers."""

from bot.sandbox.model import Account, AccountKind, Repository


def author_association(repo: Repository, account: Account) -> str:
    """OWNER and direct COLLABORATORs are shown; organization members only when their membership is public."""
    if account is repo.owner:
        return "OWNER"
    if account.kind is AccountKind.BOT:
        return "NONE"
    if account.id in repo.public_members:
        return "MEMBER"
    if any(account in pair for pair in repo.committers.values()):
        return "CONTRIBUTOR"
    return "COLLABORATOR" if account.id in repo.collaborators else "NONE"
