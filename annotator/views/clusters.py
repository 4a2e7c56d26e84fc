"""What the cluster page does beside reviewing: what lies beside it, splitting, putting back."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from annotator.selectors import clusters, review
from annotator.selectors.access import REVIEW, member_for
from annotator.selectors.beside import cluster_beside as beside_of
from annotator.services import splitting
from annotator.views.review import cluster_address, is_htmx, page_read, pass_read, positions_read


@login_required
@require_GET
def cluster_beside(request: HttpRequest, dataset_id: int, cluster_id: int) -> HttpResponse:
    """The nearest cluster and sure faces of the AU: a part of the cluster page that comes after it, or a
    page of its own where there is no script."""
    member = member_for(request.user, dataset_id, REVIEW)
    cluster = clusters.cluster_get(member.dataset, cluster_id)
    held = review.assignment_open(member.dataset, member.user, cluster)
    context = {
        "dataset": member.dataset,
        "member": member,
        "cluster": cluster,
        "beside": beside_of(cluster, member.user, held),
    }
    template = "annotator/_cluster_beside.html" if is_htmx(request) else "annotator/cluster_beside.html"
    return render(request, template, context)


@login_required
@require_POST
def cluster_split(request: HttpRequest, dataset_id: int, cluster_id: int) -> HttpResponse:
    """Make the chosen faces a cluster of their own, and stay with the rest."""
    member = member_for(request.user, dataset_id, REVIEW)
    cluster = clusters.cluster_get(member.dataset, cluster_id)
    chosen = positions_read(request.POST.getlist("face"))
    part = splitting.cluster_split(cluster=cluster, user=member.user, faces=chosen)
    words = ngettext(
        "%(n)d face is now cluster %(number)d. You hold both.",
        "%(n)d faces are now cluster %(number)d. You hold both.",
        part.size,
    )
    messages.success(request, words % {"n": part.size, "number": part.number})
    stay = pass_read(request.POST, "only")
    return redirect(cluster_address(dataset_id, cluster_id, stay, page_read(request.POST)))


@login_required
@require_POST
def cluster_merge(request: HttpRequest, dataset_id: int, cluster_id: int) -> HttpResponse:
    """Put a cluster that was split off back into the one it came from."""
    member = member_for(request.user, dataset_id, REVIEW)
    cluster = clusters.cluster_get(member.dataset, cluster_id)
    size = cluster.size
    origin = splitting.cluster_merge(cluster=cluster, user=member.user)
    words = ngettext("%(n)d face is back in this cluster.", "%(n)d faces are back in this cluster.", size)
    messages.success(request, words % {"n": size})
    return redirect(cluster_address(dataset_id, origin.pk, pass_read(request.POST, "only")))
