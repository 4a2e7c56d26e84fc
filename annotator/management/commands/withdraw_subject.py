"""`manage.py withdraw_subject DATASET --subject P`: delete a subject with everything made of them."""

from argparse import ArgumentParser
from typing import Any

from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from annotator.selectors.withdrawal import receipts, withdrawal_preview
from annotator.services.withdrawal import subject_withdraw, withdrawal_leftovers_delete


class Command(CorrugatorCommand):
    help = "Withdraw a subject: delete their faces, codes, clips, rows and files. It can't be undone."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id of the data set")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--subject", metavar="P", help="pseudonym, or the image's name of a face without subject")
        what.add_argument(
            "--leftovers", action="store_true", help="only delete stored files that no row names any more"
        )
        parser.add_argument("--yes", action="store_true", help="don't ask for the pseudonym again")

    def run(self, **options: Any) -> dict[str, Any]:
        dataset = self.dataset_named(options["dataset"])
        user = self.acting_user()
        if options["leftovers"]:
            left = withdrawal_leftovers_delete(dataset=dataset, user=user)
            if left:
                raise InputRefused(f"{left} files can't be deleted now: the storage refuses. Try again later.")
            return {"dataset": dataset.pk, "left": left}
        name = options["subject"]
        preview = withdrawal_preview(dataset, name)
        confirm = name if options["yes"] else self._confirmed(name, preview.faces)
        receipt = subject_withdraw(dataset=dataset, user=user, pseudonym=name, confirm=confirm)
        told = next(one for one in receipts(dataset) if one.withdrawal.pk == receipt.pk)
        for detector in told.detectors:
            self.stderr.write(f"The detector “{detector}” learned from these faces and is kept as it is.")
        for encoder in told.encoders:
            self.stderr.write(f"The encoder {encoder} learned from these faces and is kept as it is.")
        if not told.files_deleted:
            self.stderr.write("Some files could not be deleted: run this command again with --leftovers.")
        return {
            "dataset": dataset.pk,
            "receipt": receipt.pk,
            "subject_sha256": receipt.subject_sha256,
            "faces": receipt.faces,
            "codes": preview.labels,
            "detectors_kept": told.detectors,
            "encoders_kept": told.encoders,
            "files_deleted": told.files_deleted,
        }

    def _confirmed(self, name: str, faces: int) -> str:
        self.stderr.write(f"This deletes {faces} faces and everything made of them, for good.")
        try:
            return input(f"Type {name} to confirm: ").strip()
        except EOFError:
            raise InputRefused("Nobody confirmed it: add --yes, or answer the question.") from None
